"""From frames to face tracks, facial cues and the active speaker."""
