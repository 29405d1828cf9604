"""How emotions are shown to people."""
