"""Recordings as inputs of the pipeline: bags, video and audio files, without ROS."""
