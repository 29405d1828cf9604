"""Emotions for human readers: colours, words and terminal output."""
