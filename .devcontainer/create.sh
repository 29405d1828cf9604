#!/bin/bash
# Sets up the development container: packages beside the system's ROS, the built workspace, models.
set -e
sudo apt-get update
sudo apt-get install --yes --no-install-recommends libportaudio2 python3-venv strace
sudo install --directory --owner "$(id -u)" /opt/emotion
python3 -m venv --system-site-packages /opt/emotion
/opt/emotion/bin/python -m pip install --no-deps --require-hashes -r requirements/robot.lock
/opt/emotion/bin/python -m pip install --no-deps --require-hashes -r requirements/dev.lock
source /opt/ros/jazzy/setup.bash
source /opt/emotion/bin/activate
colcon build --symlink-install --base-paths . emotion_msgs
source install/setup.bash
python3 -m emotion_node models fetch whisper-base
python3 -m emotion_node models fetch mediapipe-faces
python3 -m emotion_node models fetch lr-asd
echo "source /opt/emotion/bin/activate && source $PWD/install/setup.bash" >> ~/.bashrc
