#!/bin/sh
# Writes requirements/NAME.lock from requirements/NAME.in for each NAME given, with the sha256 of
# every file of each version, so that `pip install --require-hashes` accepts no other file.
# Most locks hold for Linux, Python 3.11 and later, x86-64 and arm64: where versions differ, markers
# choose. Those with the wheels of ROS, or beside them, hold for Python 3.11 and 3.12 on x86-64.
# tools/check_locks.py shows on which machines every package has its wheel.
# Versions already locked are kept where they still fit; with UPGRADE=1 all are chosen anew.
# Usage: tools/lock.sh UV NAME...
set -eu

uv=$1
shift
cd "$(dirname "$0")/../requirements"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for name in "$@"; do
  echo "Locking $name"
  # Where the lock holds: uv takes it from a project's file alone.
  linux="sys_platform == 'linux'"
  intel="platform_machine == 'x86_64'"
  arm="platform_machine == 'aarch64'"
  case $name in
    runtime | demo | train)
      machines='Linux on x86-64, Python 3.11 and 3.12'
      environments="\"python_full_version < '3.13' and $intel and $linux\""
      ;;
    *)
      machines='Linux on x86-64 and arm64, Python 3.11 and later'
      environments="\"$intel and $linux\", \"$arm and $linux\""
      ;;
  esac
  cp ./*.in ./*.lock ./*.constraints "$scratch"
  echo "tool.uv.environments = [$environments]" > "$scratch/pyproject.toml"

  case $name in
    # torch brings CUDA packages of its own, which differ from build to build and so cannot be
    # locked; pip takes hashes for all packages or for none.
    train) set -- train.in ;;
    robot)
      set -- robot.in pocketsphinx.in --constraints robot.constraints --only-binary :all: \
        --generate-hashes
      ;;
    offline) set -- offline.in --only-binary :all: --generate-hashes ;;
    *) set -- "$name.in" --generate-hashes ;;
  esac
  [ -z "${UPGRADE:-}" ] || set -- "$@" --upgrade
  (cd "$scratch" && "$uv" pip compile --quiet --universal --python-version 3.11 --no-header \
    --no-annotate --no-emit-index-url --no-emit-find-links --output-file "$name.lock" "$@" > /dev/null)
  {
    echo "# Written by \`make lock\` from $name.in, for $machines."
    # What holds for every package of the lock is left out of its markers.
    sed -E -e "s/ and \(\($arm and $linux\) or \($intel and $linux\)\)//" \
      -e "s/( and)? $linux( \\\\|\$)/\2/" -e "s/\(?$arm( and $linux)? or $intel( and $linux)?\)?( and )?//" \
      -e "s/ ; (python_full_version < '3.13' and $intel)?( \\\\|\$)/\2/" "$scratch/$name.lock" |
      if [ "$name" = train ]; then grep -vE '^(cuda-|nvidia-|triton==)'; else cat; fi
  } > "$scratch/$name.new"
  mv "$scratch/$name.new" "$name.lock"
done
