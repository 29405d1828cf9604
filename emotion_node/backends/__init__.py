"""One adapter per third-party library, and the helpers that they share."""
