"""Scenarios of EMISSOR (Santamaria et al., 2021): utterances as text signals with emotions.

Times are milliseconds from the beginning of the recording. Each utterance has mentions, all of the
whole text: the fused emotion, the emotion of each modality that has one, and the speaker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from emissor.persistence.persistence import DEFAULT_SIGNAL_PATHS
from emissor.representation.annotation import AnnotationType
from emissor.representation.entity import Emotion
from emissor.representation.scenario import (
    Annotation,
    Mention,
    Modality,
    Scenario,
    ScenarioContext,
    TextSignal,
)
from emissor.representation.util import marshal

from emotion_node.annotate.annotation import Annotation as Found
from emotion_node.labels import LABELS

SOURCE: Final = 'python-source:emotion_node'
"""Source of annotations; those of a modality have its name behind it."""
EKMAN: Final = 'python-type:cltl.emotion_extraction.api.Emotion'
"""Type of annotations with a confidence, as the tools of EMISSOR's authors write them."""

_TEXT: Final = Modality.TEXT.name.lower()


def scenario(name: str, source: Path, emotions: Sequence[Found]) -> dict[str, str]:
    """Return the files of a scenario.

    Args:
        name: of the scenario: that of its folder.
        source: the recording.
        emotions: final emotions, in order.
    """
    signals = [_signal(name, source, one) for one in emotions]
    end_ms = max((signal.time.end for signal in signals), default=0)
    paths = {_TEXT: DEFAULT_SIGNAL_PATHS[_TEXT]}
    context = ScenarioContext('emotion_node')
    whole = Scenario.new_instance(name, 0, end_ms, context, paths)
    return {
        f'{name}.json': marshal(whole, cls=Scenario),
        paths[_TEXT]: marshal(signals, cls=TextSignal),
    }


def _signal(name: str, source: Path, one: Found) -> Any:
    start_ms = max(round(one.start_s * 1000), 0)
    end_ms = max(round(one.end_s * 1000), start_ms)
    text = one.report.transcript.text
    signal_id = f'{name}-{one.report.utterance_id}'
    signal = TextSignal.for_scenario(
        name, start_ms, end_ms, source.name, text, signal_id=signal_id
    )
    signal.mentions.extend(
        Mention(f'{signal_id}-{about}', [signal.ruler], annotations)
        for about, annotations in _annotations(one, end_ms)
    )
    return signal


def _annotations(one: Found, end_ms: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield what is annotated, and its annotations, the most probable first."""
    report, fused = one.report, one.report.fused
    if fused.label and fused.scores is not None:
        label = Emotion[fused.label.upper()].name.lower()
        found = [Annotation(AnnotationType.EMOTION.name.lower(), label, SOURCE, end_ms)]
        for index in (-fused.scores).argsort(kind='stable'):
            value = _ekman(LABELS[index], float(fused.scores[index]))
            found.append(Annotation(EKMAN, value, SOURCE, end_ms))
        yield 'emotion', found
    for part in fused.modalities:
        if part.available:
            value = _ekman(part.label, part.confidence)
            source = f'{SOURCE}.{part.modality}'
            yield str(part.modality), [Annotation(EKMAN, value, source, end_ms)]
    if report.speaker_id:
        kind = AnnotationType.PERSON.name.lower()
        yield 'speaker', [Annotation(kind, report.speaker_id, SOURCE, end_ms)]


def _ekman(label: str, confidence: float) -> dict[str, object]:
    return {'type': 'EKMAN', 'value': label, 'confidence': round(confidence, 4)}
