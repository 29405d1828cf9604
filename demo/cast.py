"""The people of the demo and their script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from portrait import Eye, Point, Portrait
from voice import Voice


def _points(text: str) -> tuple[Point, ...]:
    """Read `x,y x,y ...`."""
    pairs = (pair.split(',') for pair in text.split())
    return tuple((float(x), float(y)) for x, y in pairs)


COLLINS: Final = Portrait(
    name='Eileen Collins',
    package='skimage',
    file='data/astronaut.png',
    sha256='88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5',
    credit='NASA photograph of 1993, public domain; in scikit-image as data.astronaut()',
    face=(179, 71, 92, 107),
    lips_upper=_points(
        '203.3,139.9 205.9,140.1 209.1,140.7 212.9,141.5 217.6,142.4 223.5,143.2 '
        '229.4,142.9 234.1,142.3 237.8,141.8 240.9,141.6 243.4,141.5'
    ),
    lips_lower=_points(
        '203.3,139.9 206.4,143.2 209.0,145.5 212.6,147.7 217.3,149.3 223.0,150.1 '
        '228.6,149.7 233.3,148.5 237.1,146.6 239.9,144.6 243.4,141.5'
    ),
    chin=177.4,
    eyes=(
        Eye(
            upper=_points(
                '195.2,100.9 197.2,99.2 199.4,98.1 202.8,97.6 206.3,98.1 209.7,99.9 213.3,103.7'
            ),
            lower=_points(
                '195.2,100.9 197.9,103.0 200.1,103.8 203.4,104.3 206.8,104.3 '
                '210.1,104.0 213.3,103.7'
            ),
            lid=5,
        ),
        Eye(
            upper=_points(
                '237.0,104.9 241.2,101.6 244.7,100.0 248.3,99.7 251.9,100.6 '
                '253.9,102.1 255.8,104.3'
            ),
            lower=_points(
                '237.0,104.9 240.2,105.6 243.3,106.2 246.6,106.7 250.0,106.6 '
                '252.5,106.1 255.8,104.3'
            ),
            lid=5,
        ),
    ),
    head=(226, 108, 76, 84),
    pivot=(224, 200),
    rest=-4.0,
    widest=9.0,
    teeth=True,
    scale=1.45,
    centre=(226, 122),
)

HOPPER: Final = Portrait(
    name='Grace Hopper',
    package='matplotlib',
    file='mpl-data/sample_data/grace_hopper.jpg',
    sha256='a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130',
    credit='US Navy photograph of 1984 by James S. Davis, public domain; '
    "in matplotlib's sample data",
    face=(174, 132, 182, 202),
    lips_upper=_points(
        '235.6,280.3 240.7,279.6 245.4,279.0 251.7,278.8 259.3,278.9 267.7,279.1 '
        '276.4,278.2 283.8,277.4 290.0,277.0 294.4,277.0 299.3,277.1'
    ),
    lips_lower=_points(
        '235.6,280.3 240.8,279.7 245.6,279.3 251.9,278.9 259.4,279.0 267.7,279.1 '
        '276.1,278.2 283.5,277.4 289.6,277.1 294.3,277.1 299.3,277.1'
    ),
    chin=333.6,
    eyes=(
        Eye(
            upper=_points(
                '205.0,193.4 208.6,190.3 212.6,187.9 219.6,185.8 227.2,185.5 '
                '235.0,187.4 243.6,193.1'
            ),
            lower=_points(
                '205.0,193.4 212.1,196.9 217.2,197.7 224.7,197.3 231.7,195.8 '
                '238.2,194.0 243.6,193.1'
            ),
            lid=3,
        ),
        Eye(
            upper=_points(
                '288.1,192.1 295.4,186.1 302.1,183.2 309.0,182.4 315.7,183.4 '
                '319.6,185.3 323.6,188.1'
            ),
            lower=_points(
                '288.1,192.1 294.3,192.1 300.4,192.4 306.7,192.4 313.1,191.9 '
                '317.5,191.0 323.6,188.1'
            ),
            lid=3,
        ),
    ),
    head=(264, 195, 128, 178),
    pivot=(268, 370),
    rest=0.0,
    widest=22.0,
    teeth=False,
    scale=0.74,
    centre=(264, 246),
)


@dataclass(frozen=True)
class Person:
    """A person: face, voice, and side of the image."""

    portrait: Portrait
    voice: Voice
    side: str


PEOPLE: Final = (
    Person(COLLINS, Voice('slt', tract=0.95, pitch=185, spread=25), 'left'),
    Person(HOPPER, Voice('awb', tract=1.17, pitch=165, spread=22), 'right'),
)
LEFT, RIGHT = PEOPLE


@dataclass(frozen=True)
class Line:
    """One utterance of the script."""

    person: Person
    emotion: str
    words: str
    gap: float
    """Silence before it, in s."""


SCRIPT: Final = (
    Line(LEFT, 'neutral', 'Good morning. They called me about the job.', 1.0),
    Line(RIGHT, 'neutral', 'Okay. What did they say?', 0.8),
    Line(LEFT, 'joy', 'I got the job! This is the best day of my life!', 0.8),
    Line(RIGHT, 'surprise', "Oh my god! I can't believe it!", 0.7),
    Line(RIGHT, 'joy', 'That is wonderful! I am so happy for you.', 0.8),
    Line(LEFT, 'sadness', 'But I have to leave all my friends, and that makes me sad.', 1.0),
    Line(RIGHT, 'sadness', "I'm going to miss you so much.", 0.8),
    Line(LEFT, 'fear', 'There is something in the kitchen. I am so scared.', 1.3),
    Line(RIGHT, 'disgust', 'That is a dead rat on the floor. That is disgusting!', 0.9),
    Line(LEFT, 'anger', 'You left the window open again! I am so angry with you!', 0.7),
    Line(RIGHT, 'neutral', 'We can talk about it in the morning.', 1.0),
    Line(LEFT, 'joy', 'I love you. You are a wonderful friend.', 1.1),
)
