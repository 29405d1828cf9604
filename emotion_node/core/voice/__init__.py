"""How a voice sounds: prosody, level."""
