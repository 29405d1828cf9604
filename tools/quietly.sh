#!/bin/sh
# Runs a command with its output in a log. Shows a line with the time taken so far, and the end of
# the log when the command fails.
# Usage: tools/quietly.sh LOG TITLE COMMAND...
set -u

log=$1
title=$2
shift 2
mkdir -p "$(dirname "$log")"
start=$(date +%s)
"$@" > "$log" 2>&1 &
pid=$!
trap 'kill "$pid" 2> /dev/null; exit 130' INT TERM
if [ -t 1 ]; then
  while kill -0 "$pid" 2> /dev/null; do
    printf '\r%s ... %s s ' "$title" $(($(date +%s) - start))
    sleep 0.2
  done
else
  printf '%s ...' "$title"
fi
wait "$pid"
status=$?
[ -t 1 ] && printf '\r%s ...' "$title"
if [ "$status" -eq 0 ]; then
  printf ' done in %s s   \n' $(($(date +%s) - start))
else
  printf ' failed. The end of %s:\n' "$log"
  tail -n 40 "$log"
fi
exit "$status"
