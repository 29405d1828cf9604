"""Messages to records, and reports to messages."""
