"""Messages as records, and reports as messages."""
