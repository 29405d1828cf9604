"""Measure cost and latency of the node: `python -m emotion_lab bench` and `soak`."""
