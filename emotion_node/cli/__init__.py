"""The command line: `python -m emotion_node COMMAND`."""
