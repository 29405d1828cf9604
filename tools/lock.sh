#!/bin/sh
# Writes requirements/NAME.lock from requirements/NAME.in for each NAME given, with the sha256 of
# every file of each version, so that `pip install --require-hashes` accepts no other file.
# Versions already locked are kept where they still fit; with UPGRADE=1 all are chosen anew.
# Usage: tools/lock.sh UV NAME...
set -eu

uv=$1
shift
cd requirements
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

lock() {
  "$uv" pip compile --quiet --no-header --no-annotate --no-emit-index-url \
    --no-emit-find-links --python-version "$1" --python-platform x86_64-manylinux_2_28 \
    $hashes \
    --output-file "$scratch/$1" "$name.in" > /dev/null
}

for name in "$@"; do
  case $name in
    # torch brings CUDA packages of its own, which differ from build to build and so cannot be
    # locked; pip takes hashes for all packages or for none.
    train) hashes='' ;;
    *) hashes=--generate-hashes ;;
  esac
  echo "Locking $name"
  if [ -f "$name.lock" ] && [ -z "${UPGRADE:-}" ]; then
    cp "$name.lock" "$scratch/3.11"
  fi
  lock 3.11
  cp "$scratch/3.11" "$scratch/3.12" # uv keeps to what it finds there
  lock 3.12
  if ! diff "$scratch/3.11" "$scratch/3.12"; then
    echo "$name: Python 3.11 and 3.12 do not resolve to the same versions (above)." \
      "Restrict the package that differs in requirements/$name.in." >&2
    exit 1
  fi
  {
    echo "# Written by \`make lock\` from $name.in, for Python 3.11 and 3.12 on x86-64 Linux."
    if [ -n "$hashes" ]; then
      cat "$scratch/3.11"
    else
      grep -vE '^(cuda-|nvidia-|triton==)' "$scratch/3.11"
    fi
  } > "$name.lock"
  rm "$scratch/3.11" "$scratch/3.12"
done
