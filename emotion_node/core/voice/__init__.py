"""How a voice sounds: prosody, level, signature."""
