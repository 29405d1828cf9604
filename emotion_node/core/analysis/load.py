"""What analysis leaves out when it falls behind."""

from __future__ import annotations

import enum


class Load(enum.IntEnum):
    """How far analysis is behind; each level leaves out what the one before it does, and more.

    Utterances are never dropped.
    """

    NORMAL = 0
    """Nothing is left out."""
    NO_INTERIM = 1
    """No interim estimates, and no speculative analysis in pauses."""
    NO_TRANSCRIPT = 2
    """No transcripts: words are absent with reason timeout."""
