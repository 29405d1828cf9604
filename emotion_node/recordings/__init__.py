"""The pipeline over recordings: bags, video and audio files, without ROS running."""
