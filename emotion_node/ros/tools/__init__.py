"""Commands with a node of their own: play a recording, show emotions."""
