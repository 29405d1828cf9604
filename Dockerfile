# The nodes beside a ROS 2 of Ubuntu, for amd64 and arm64:
#
#     docker build --tag emotion_node .
#     docker run --rm --network host --ipc host emotion_node
#
# Another release: --build-arg ROS_DISTRO=lyrical. For both processors: docker buildx build
# --platform linux/amd64,linux/arm64. Devices and DDS: docs/deployment.md.
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /ws

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libportaudio2 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# The packages from PyPI, in an environment beside the system's ROS. Copied alone, so that a change
# of the sources does not install them again.
COPY requirements/robot.lock requirements/
RUN python3 -m venv --system-site-packages .venv \
    && .venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes \
        --requirement requirements/robot.lock \
    && touch .venv/COLCON_IGNORE
ENV PATH=/ws/.venv/bin:$PATH

COPY . src/emotion_node
RUN . "/opt/ros/$ROS_DISTRO/setup.bash" \
    && colcon build --base-paths src src/emotion_node/emotion_msgs

# The models that are not shipped, each checked by its sha256.
ENV EMOTION_MODELS_CACHE=/ws/models
RUN . install/setup.bash \
    && python3 -m emotion_node models fetch whisper-base \
    && python3 -m emotion_node models fetch mediapipe-faces \
    && python3 -m emotion_node models fetch lr-asd

# The image's own entry point sources ROS alone; this one the workspace too. The user is `ubuntu`.
COPY --chmod=755 .devcontainer/entrypoint.sh /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
USER 1000
CMD ["ros2", "launch", "emotion_node", "emotion.launch.py"]
