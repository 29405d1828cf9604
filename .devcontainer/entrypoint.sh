#!/bin/bash
# Runs a command with ROS and the workspace of the container sourced.
set -e
source /ws/install/setup.bash
exec "$@"
