"""How a voice sounds: prosody, level, speaker embedding."""
