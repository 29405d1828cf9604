"""What the node takes and how long one waits for it, measured: `python -m emotion_lab bench`."""
