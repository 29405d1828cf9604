"""A scene of two people who talk for minutes with hardly a pause, and whether latency grows in it.

It is made of the demo conversation, repeated, with every pause cut to `PAUSE_S`: just long enough
to end an utterance, and too short to catch up with work that was left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import StoragePlugin, Writer

from emotion_lab.benchmark.figures import Figures, Match, percentile
from emotion_lab.benchmark.synthetic_scene import (
    AUDIO,
    AUDIO_TOPIC,
    IMAGE,
    IMAGE_TOPIC,
    stamped,
    with_changed,
)
from emotion_node.datatypes import NS_PER_MS, NS_PER_S
from emotion_node.messages.stamps import stamp_to_ns
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.definitions import standard_types
from emotion_node.recordings.truth import TrueUtterance, read_truth

LENGTH_S: Final = 180.0
PAUSE_S: Final = 0.5
MINUTE_NS: Final = 60 * NS_PER_S
CHUNK: Final = 512
"""Samples in a message."""
AFTER_S: Final = 2.0
"""Silence at the end."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of the source: an utterance with half a pause before and after it.

    Attributes:
        truth: the utterance.
        start_ns, end_ns: of the part, on the clock of the source.
        later_ns: by how much the part is moved.
    """

    truth: TrueUtterance
    start_ns: int
    end_ns: int
    later_ns: int


def plan_cuts(
    truths: Sequence[TrueUtterance], start_ns: int, length_s: float = LENGTH_S
) -> list[_Cut]:
    """Return the parts of the source in the order in which they are played.

    Args:
        truths: of the source.
        start_ns: where the scene begins.
        length_s: the scene ends with the utterance in which this length is reached.
    """
    half_ns = round(PAUSE_S / 2 * NS_PER_S)
    cuts: list[_Cut] = []
    at_ns = start_ns
    while at_ns - start_ns < length_s * NS_PER_S:
        one = truths[len(cuts) % len(truths)]
        first_ns, last_ns = one.start_ns - half_ns, one.end_ns + half_ns
        cuts.append(_Cut(one, first_ns, last_ns, at_ns - first_ns))
        at_ns += last_ns - first_ns
    return cuts


def write_talk(source: Path, target: Path, length_s: float = LENGTH_S) -> None:
    """Write the scene, with its truth.json.

    Args:
        source: the demo's bag.
        target: folder to write; must not exist.
        length_s: of the scene, in s.
    """
    types = standard_types()
    with Bag(source) as bag:
        messages = [
            (message, bag.decode(message)) for message in bag.messages([IMAGE_TOPIC, AUDIO_TOPIC])
        ]
    audio = [content for message, content in messages if message.topic == AUDIO_TOPIC]
    images = [
        (stamp_to_ns(content.header.stamp), content)
        for message, content in messages
        if message.topic == IMAGE_TOPIC
    ]
    start_ns = stamp_to_ns(audio[0].header.stamp)
    samples = np.concatenate([np.asarray(one.data, np.int16) for one in audio])
    rate = audio[0].sample_rate
    cuts = plan_cuts(read_truth(source / 'truth.json'), start_ns, length_s)
    writer = Writer(target, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.open()
    try:
        image_out = writer.add_connection(IMAGE_TOPIC, IMAGE, typestore=types)
        audio_out = writer.add_connection(AUDIO_TOPIC, AUDIO, typestore=types)
        for stamp_ns, content in _moved(images, cuts):
            header = stamped(types, content.header, stamp_ns - stamp_to_ns(content.header.stamp))
            changed = with_changed(types, IMAGE, content, header=header)
            writer.write(image_out, stamp_ns, types.serialize_cdr(changed, IMAGE))
        sound = _joined(samples, rate, start_ns, cuts)
        for first in range(0, len(sound) - CHUNK + 1, CHUNK):
            begin_ns = start_ns + first * NS_PER_S // rate
            header = stamped(types, audio[0].header, begin_ns - start_ns)
            changed = with_changed(
                types, AUDIO, audio[0], header=header, data=sound[first : first + CHUNK]
            )
            end_ns = begin_ns + CHUNK * NS_PER_S // rate
            writer.write(audio_out, end_ns, types.serialize_cdr(changed, AUDIO))
    finally:
        writer.close()
    truth = {
        'schema': 1,
        'utterances': [
            {
                'start': cut.truth.start_ns + cut.later_ns,
                'end': cut.truth.end_ns + cut.later_ns,
                'words': cut.truth.text,
                'emotion': cut.truth.emotion,
                'speaker': cut.truth.speaker,
            }
            for cut in cuts
        ],
    }
    (target / 'truth.json').write_text(json.dumps(truth, indent=1), encoding='utf-8')


def _moved(images: Sequence[tuple[int, Any]], cuts: Sequence[_Cut]) -> Iterator[tuple[int, Any]]:
    for cut in cuts:
        for stamp_ns, content in images:
            if cut.start_ns <= stamp_ns < cut.end_ns:
                yield stamp_ns + cut.later_ns, content


def _joined(
    samples: npt.NDArray[np.int16], rate: int, start_ns: int, cuts: Sequence[_Cut]
) -> npt.NDArray[np.int16]:
    """Return the samples of all parts, and quiet ones of the source's beginning after them."""

    def place(stamp_ns: int) -> int:
        return round((stamp_ns - start_ns) * rate / NS_PER_S)

    parts = [np.zeros(0, np.int16)]
    length = 0
    for cut in cuts:
        # Where the part begins in the scene, so that rounding does not add up.
        wanted = place(cut.end_ns + cut.later_ns) - length
        first = place(cut.end_ns) - wanted
        parts.append(samples[first : first + wanted])
        length += wanted
    quiet = samples[: round(rate / 2)]
    return np.concatenate([*parts, *[quiet] * round(2 * AFTER_S)])


def growth_figures(matches: Sequence[Match]) -> Figures:
    """Return the median latency of the first and of the last minute, in ms, and their ratio.

    Args:
        matches: true utterances in order, and the emotions of each.
    """
    first_ns = matches[0].truth.start_ns + MINUTE_NS
    last_ns = matches[-1].truth.end_ns - MINUTE_NS
    known = [one for one in matches if one.finals and not one.merged]
    early, late = (
        percentile([(one.finals[-1].at_ns - one.truth.end_ns) / NS_PER_MS for one in part], 50)
        for part in (
            [one for one in known if one.truth.end_ns <= first_ns],
            [one for one in known if one.truth.end_ns > last_ns],
        )
    )
    return {
        'first_minute_ms_p50': early,
        'last_minute_ms_p50': late,
        'last_to_first': late / early if early and late else None,
    }
