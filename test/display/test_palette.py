"""Every emotion has a colour of its own, readable in a dark terminal."""

from __future__ import annotations

import itertools

import pytest

from emotion_node.display.palette import COLOURS, UNKNOWN, bgr, emotion_colour
from emotion_node.labels import LABELS

TERMINAL = '#1e1e1e'


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.1), 0 to 1."""
    shares = [one / 255 for one in reversed(bgr(colour))]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_label_has_a_colour_in_the_usual_order() -> None:
    assert tuple(COLOURS) == LABELS


@pytest.mark.parametrize(('one', 'other'), list(itertools.combinations(LABELS, 2)))
def test_two_emotions_are_not_confused(one: str, other: str) -> None:
    difference = [
        abs(a - b)
        for a, b in zip(bgr(emotion_colour(one)), bgr(emotion_colour(other)), strict=True)
    ]
    assert max(difference) >= 50


@pytest.mark.parametrize('label', [*LABELS, ''])
def test_text_is_readable_on_a_dark_background(label: str) -> None:
    contrast = (luminance(emotion_colour(label)) + 0.05) / (luminance(TERMINAL) + 0.05)
    assert contrast >= 4.0


def test_an_unknown_emotion_has_its_colour_too() -> None:
    assert emotion_colour('') == UNKNOWN


def test_opencv_gets_blue_first() -> None:
    assert bgr('#0a141e') == (30, 20, 10)
