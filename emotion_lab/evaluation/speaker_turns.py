"""Replay scenes of two talkers who take turns through hearing and vision, and count the cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rich.console import Console
from rich.progress import track

from emotion_lab.data.speaker_clips import Talker
from emotion_lab.data.speaker_hearing import CHUNK
from emotion_lab.data.speaker_scenes import Clips, Scene
from emotion_lab.data.speaker_turns import LEFT, RIGHT, Turns, make_turns
from emotion_lab.evaluation.speaker_figures import Replay
from emotion_node.config import make_config
from emotion_node.core.analysis.analysis import Analysis, AnalysisModels
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.pipeline import Pipeline
from emotion_node.core.timings import Timings
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    EndReason,
    SpeechEnded,
    Utterance,
    VideoFrame,
)
from emotion_node.factory import Models, build_hearing
from emotion_node.interfaces import Vad

NEAR_NS: Final = 400 * NS_PER_MS
"""A cut this near to the change is right."""


@dataclass(slots=True)
class TurnScore:
    """Counts over scenes of one condition.

    Attributes:
        scenes: those that one utterance spans, but for the cuts.
        split: of these, those with a cut near the change.
        wrong: cuts elsewhere, or where nobody took over.
    """

    scenes: int = 0
    split: int = 0
    wrong: int = 0


def play_turns(turns: Turns, vad: Vad, talking: TalkingDetector | None) -> list[Utterance]:
    """Return the utterances that the node finds in a scene."""
    scene = Scene(turns.condition, '', 0, ((LEFT, turns.condition), (RIGHT, turns.condition)))
    replay = Replay(scene, turns.clips, 0)
    config = make_config({'interim.enabled': False})
    pipeline = Pipeline(
        build_hearing(config, Models(vad, None, None)),
        Analysis(
            config,
            AnalysisModels(vision=FaceVision(replay, talking=talking)),
            Guard(Timings(lambda: 0)),
        ),
    )
    reports = []
    first = 0
    for stamp_ns in turns.voice.stamps_ns:
        while (end_ns := (first + CHUNK) * NS_PER_S // SAMPLE_RATE) <= stamp_ns:
            samples = turns.voice.samples[first : first + CHUNK, None]
            start_ns = end_ns - CHUNK * NS_PER_S // SAMPLE_RATE
            chunk = AudioChunk(start_ns, samples, SAMPLE_RATE, ClockSource.FILE)
            reports += pipeline.push_audio(chunk)
            first += CHUNK
        reports += pipeline.push_frame(VideoFrame(stamp_ns, partial(replay.image, stamp_ns)))
    reports += pipeline.flush()
    return [one.utterance for one in reports if isinstance(one, SpeechEnded)]


def turn_figures(
    talkers: Sequence[Talker], clips: Clips, vad: Vad, talking: TalkingDetector | None = None
) -> dict[str, Any]:
    """Return how often an utterance is cut where the speaker changes, and where not.

    Args:
        talkers: one recording of each person.
        clips: of their faces.
        vad: voice activity detector.
        talking: learned detector of talking faces; None for none.

    Returns:
        By condition of `Turns`, the fields of `TurnScore`.
    """
    scores: dict[str, TurnScore] = {}
    title = 'turns' if talking is None else 'turns, learned detector'
    scenes = make_turns(talkers, clips)
    for turns in track(scenes, title, console=Console(stderr=True), transient=True):
        count(
            scores.setdefault(turns.condition, TurnScore()), turns, play_turns(turns, vad, talking)
        )
    return {
        name: {'scenes': one.scenes, 'split': one.split, 'wrong': one.wrong}
        for name, one in scores.items()
    }


def count(score: TurnScore, turns: Turns, utterances: Sequence[Utterance]) -> None:
    """Add one scene to a score, if an utterance spans the end of the first turn but for cuts."""
    cuts = [one.end_ns for one in utterances if one.end_reason is EndReason.SPEAKER_CHANGE]
    if not any(
        start_ns + NEAR_NS < turns.change_ns < end_ns - NEAR_NS
        for start_ns, end_ns in joined(utterances)
    ):
        return
    near = [
        one for one in cuts if turns.condition == 'other' and abs(one - turns.change_ns) <= NEAR_NS
    ]
    score.scenes += 1
    score.split += bool(near)
    score.wrong += len(cuts) - len(near)


def joined(utterances: Sequence[Utterance]) -> list[tuple[int, int]]:
    """Return start and end of the utterances as they would be without cuts."""
    spans: list[tuple[int, int]] = []
    cut = False
    for one in utterances:
        start_ns = spans.pop()[0] if cut else one.start_ns
        spans.append((start_ns, one.end_ns))
        cut = one.end_reason is EndReason.SPEAKER_CHANGE
    return spans
