"""The dialogue so far: turns, speakers, reaction."""
