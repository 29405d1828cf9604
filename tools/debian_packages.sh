#!/bin/sh
# Installs what the given Python and its packages need from Debian, and only what is missing.
# Usage: tools/debian_packages.sh LOG PYTHON [dev]
set -eu

log=$1
python=$2
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
needed=''  # without these nothing can be built
wanted=''  # without these one node does not run

command -v g++ > /dev/null || needed="$needed g++"
"$python" -c 'import ensurepip, venv' 2> /dev/null || needed="$needed $version-venv"
"$python" -c 'import pathlib, sys, sysconfig
sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").is_file())' ||
  needed="$needed $version-dev"
# As sounddevice looks for it.
"$python" -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("portaudio"))' ||
  wanted="$wanted libportaudio2"

# The tests watch with it whom the processes call.
[ "${3:-}" != dev ] || command -v strace > /dev/null || wanted="$wanted strace"

[ -n "$needed$wanted" ] || exit 0
missing="$needed$wanted"

apt_get() {
  # shellcheck disable=SC2086  # a list of packages
  $as_root apt-get -q install -y --no-install-recommends $missing
}

install() {
  command -v apt-get > /dev/null || return 1
  if [ "$(id -u)" -eq 0 ]; then
    as_root='env DEBIAN_FRONTEND=noninteractive'
  elif sudo -n true 2> /dev/null; then
    as_root='sudo -n env DEBIAN_FRONTEND=noninteractive'
  else
    return 1
  fi
  mkdir -p "$(dirname "$log")"
  echo "Installing from Debian:$missing"
  # The second try is for a machine without package lists, or with old ones.
  { apt_get || { $as_root apt-get -q update && apt_get; }; } > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    return 1
  }
}

install || {
  echo "Not installed:$missing"
  echo "This needs root and the package lists of Debian. Run:"
  echo "    sudo apt-get install$missing"
  if [ -n "$needed" ]; then
    echo 'and then make again.'
    exit 1
  fi
  echo 'Only microphone_node needs libportaudio2, and only one test needs strace.'
} >&2
