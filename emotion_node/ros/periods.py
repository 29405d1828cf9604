"""How often the nodes look, repeat a message and retry; all by the steady clock."""

from __future__ import annotations

from typing import Final

LOG_PERIOD_S: Final = 10.0
"""The same error or warning is logged at most once in this time."""

RECENT_S: Final = 10.0
"""How long diagnostics stay at ERROR after a fault, an unusable message or dropped audio."""

GRAPH_PERIOD_S: Final = 0.25
"""Time between two checks for publishers of an input that is not connected."""

CONNECTED_GRAPH_PERIOD_S: Final = 1.0
"""Time between two checks for publishers of an input that is connected."""

FIRST_REMINDER_S: Final = 5.0
LAST_REMINDER_S: Final = 300.0
"""Time after which an input that nobody publishes is logged again: doubled after each time, up to
the last."""

DRIVER_PERIOD_S: Final = 1.0
"""Time between two diagnostics messages of the camera and the microphone node."""

DEVICE_SILENCE_S: Final = 2.0
"""A microphone that delivers no audio for this time is opened again."""

LONG_SPEECH_S: Final = 30.0
"""A robot hardly speaks for longer without a pause: `robot_speaking` may be stuck."""

STOP_DEADLINE_S: Final = 4.0
"""How long a node that stops works on the utterance under way. A launch system sends the next
signal after 5 s."""

RECEIPT_DEADLINE_S: Final = 0.5
"""How long a node that stops then waits for slow subscribers to receive what it published."""

STOP_CHECK_S: Final = 0.1
"""Time between two checks whether the process was asked to stop."""

FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 10.0
"""Time before a lost camera is opened again: doubled after each attempt, up to the last."""
