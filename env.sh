# The environment of the nodes built here by `make setup`, for bash, zsh and sh:
#
#     . ./env.sh
#
# With a ROS 2 of the system, source its setup file and your workspace's instead.

if [ -n "${BASH_VERSION:-}" ]; then
  _emotion_root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  _emotion_setup=local_setup.bash
elif [ -n "${ZSH_VERSION:-}" ]; then
  _emotion_root=$(eval 'cd "${${(%):-%x}:A:h}" && pwd')
  _emotion_setup=local_setup.zsh
else
  # A plain sh does not tell which file it is reading.
  _emotion_root=$(pwd)
  _emotion_setup=local_setup.sh
fi

_emotion_error=''
if [ -n "${ROS_DISTRO:-}" ]; then
  _emotion_error="ROS 2 $ROS_DISTRO is sourced in this shell, and two ROS installations do not mix.
Open a new shell, or build in your ROS workspace (README.md)."
elif [ ! -f "$_emotion_root/.venv/bin/activate" ] || [ ! -f "$_emotion_root/install/$_emotion_setup" ]; then
  _emotion_error="nothing is built in $_emotion_root. Run \`make setup\` first; a plain sh has to
source env.sh from the repository's root."
else
  . "$_emotion_root/.venv/bin/activate"
  if [ ! "$VIRTUAL_ENV" -ef "$_emotion_root/.venv" ]; then
    _emotion_error="$_emotion_root has been moved from $VIRTUAL_ENV/.., which its virtual
environment still names. Run \`make clean setup\`."
    deactivate
  fi
fi

if [ -n "$_emotion_error" ]; then
  echo "env.sh: $_emotion_error" >&2
  unset _emotion_root _emotion_setup _emotion_error
  return 1
fi

# The virtual environment is the ROS installation; what is built here comes on top of it.
export AMENT_PREFIX_PATH="$VIRTUAL_ENV"
export CMAKE_PREFIX_PATH="$VIRTUAL_ENV"
COLCON_CURRENT_PREFIX="$_emotion_root/install"
. "$_emotion_root/install/$_emotion_setup"
# What `ros2 run emotion_node NAME` finds, for where there is no ros2 command. Last on the path, as
# other programs are called "view" too.
PATH="$PATH:$_emotion_root/install/emotion_node/lib/emotion_node"
unset COLCON_CURRENT_PREFIX _emotion_root _emotion_setup _emotion_error
