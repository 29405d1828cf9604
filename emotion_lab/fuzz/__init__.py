"""Random and damaged inputs, with seeds: `python -m emotion_lab fuzz`."""
