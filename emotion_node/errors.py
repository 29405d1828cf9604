"""Errors that are the user's to mend."""


class UserError(Exception):
    """Something the user can mend: the text says what was found, what was expected, what to do."""
