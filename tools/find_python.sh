#!/bin/sh
# Prints the Python to build with: 3.12 or 3.11, for which there are wheels of ROS, whichever runs.
# With `newest`: the newest one from 3.14 to 3.11, among the versions of pyenv too, for what needs no ROS.
# Finding the name on the path is not enough: version managers put commands there that only print
# an error.
set -eu

runs='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= tuple(map(int, sys.argv[1:])))'
complete='
import ensurepip, pathlib, sysconfig, venv
assert (pathlib.Path(sysconfig.get_path("include")) / "Python.h").is_file()'

if [ "${1:-}" = newest ]; then
  versions=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
  set -- python3.14 "$versions"/3.14.*/bin/python python3.13 "$versions"/3.13.*/bin/python
  newest='3 14'
else
  set --
  newest='3 12'
fi

for also in "$complete" ''; do # missing headers or venv can be installed from Debian
  for python in "$@" python3.12 python3.11 python3 python; do
    path=$(command -v "$python") || continue
    # shellcheck disable=SC2086  # two numbers
    if "$path" -c "$runs" $newest 2> /dev/null && "$path" -c "$also" 2> /dev/null; then
      echo "$path"
      exit
    fi
  done
done
echo "Python 3.12 or 3.11 is needed, and none of python3.12, python3.11, python3 and python on the" \
  "path is one. Install one (Debian 12: python3.11, Ubuntu 24.04: python3.12), or name yours:" \
  "make PYTHON=/path/to/python3.12" >&2
exit 1
