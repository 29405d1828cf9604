#!/bin/sh
# Prints the Python to build with: 3.12 or 3.11, whichever runs. Finding the name on the path is
# not enough: version managers put commands there that only print an error.
set -eu

runs='import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))'
complete='
import ensurepip, pathlib, sysconfig, venv
assert (pathlib.Path(sysconfig.get_path("include")) / "Python.h").is_file()'

for also in "$complete" ''; do # missing headers or venv can be installed from Debian
  for python in python3.12 python3.11 python3 python; do
    path=$(command -v "$python") || continue
    if "$path" -c "$runs" 2> /dev/null && "$path" -c "$also" 2> /dev/null; then
      echo "$path"
      exit
    fi
  done
done
echo "Python 3.12 or 3.11 is needed, and none of python3.12, python3.11, python3 and python on the" \
  "path is one. Install one (Debian 12: python3.11, Ubuntu 24.04: python3.12), or name yours:" \
  "make PYTHON=/path/to/python3.12" >&2
exit 1
