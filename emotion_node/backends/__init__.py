"""One adapter per third-party model."""
