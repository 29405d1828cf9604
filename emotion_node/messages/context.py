"""An emotion as one line of JSON, for a dialogue manager that is a language model."""

from __future__ import annotations

import json
from typing import Any, Final

from emotion_node.datatypes import NS_PER_S, EmotionReport, FusedScores
from emotion_node.labels import LABELS, Modality

TAG_CONFIDENCE: Final = 0.5
"""Words get a tag from this confidence on: the emotion is likelier than all others together."""
MIN_SHARE: Final = 0.1
"""Share in the fusion from which a modality is said to carry the emotion."""
_MAX_SPEAKERS: Final = 64
_NAMES: Final = {Modality.TEXT: 'words', Modality.VOICE: 'voice', Modality.FACE: 'face'}
_BRACKETS: Final = str.maketrans('[]', '()')


class Contexts:
    """Writes the line of each final emotion, and knows the last one of each speaker."""

    def __init__(self) -> None:
        self._last: dict[str, EmotionReport] = {}

    def line(self, report: EmotionReport) -> str:
        """Return the line of a final emotion, without a line break.

        Its keys are

        * `utterance_id`, `speaker`, `person` (empty when unknown), `text`, `label` (empty when
          unknown), `confidence`, `valence` and `arousal`, as in `emotion_msgs/Emotion`;
        * `end`: end of speech in nanoseconds;
        * `carried_by`: the modalities that express the label, most important first, as "words",
          "voice" and "face";
        * `change`: since this speaker's last turn: `from` (its label), `valence` and `arousal`
          (now minus then) and `seconds` (from its end to this end); null when there is none;
        * `tagged`: the words behind a short tag for a prompt, without the tag where the
          confidence is low.
        """
        fused = report.fused
        carried = carried_by(fused)
        fields: dict[str, Any] = {
            'utterance_id': report.utterance_id,
            'end': report.end_ns,
            'speaker': report.speaker_id,
            'person': report.person_id,
            'text': report.transcript.text,
            'label': fused.label,
            'confidence': round(fused.confidence, 3),
            'valence': round(fused.valence, 3),
            'arousal': round(fused.arousal, 3),
            'carried_by': list(carried),
            'change': self._change(report),
            'tagged': tag(report, carried),
        }
        return json.dumps(fields, ensure_ascii=False)

    def _change(self, report: EmotionReport) -> dict[str, Any] | None:
        if not report.speaker_id or report.fused.scores is None:
            return None
        last = self._last.pop(report.speaker_id, None)
        self._last[report.speaker_id] = report
        while len(self._last) > _MAX_SPEAKERS:
            del self._last[next(iter(self._last))]
        if last is None or last.end_ns > report.start_ns:
            return None
        return {
            'from': last.fused.label,
            'valence': round(report.fused.valence - last.fused.valence, 3),
            'arousal': round(report.fused.arousal - last.fused.arousal, 3),
            'seconds': round((report.end_ns - last.end_ns) / NS_PER_S, 1),
        }


def carried_by(fused: FusedScores) -> tuple[str, ...]:
    """Return the modalities that express the fused label: "words", "voice", "face".

    They are those whose own answer it is, most important first; where it is nobody's own answer,
    the one that speaks for it most.
    """
    if not fused.label:
        return ()
    index = LABELS.index(fused.label)
    shares = [
        (one.weight * float(one.scores[index]), one)
        for one in fused.modalities
        if one.scores is not None and one.weight >= MIN_SHARE
    ]
    order = [one for _, one in sorted(shares, key=lambda pair: -pair[0])]
    chosen = [one for one in order if one.label == fused.label] or order[:1]
    return tuple(_NAMES[one.modality] for one in chosen)


def tag(report: EmotionReport, carried: tuple[str, ...]) -> str:
    """Return the words behind a tag such as "[joy 0.8, voice and words]".

    Square brackets in the words become round ones: only what is perceived stands in square ones.
    """
    words = ' '.join(report.transcript.text.split()).translate(_BRACKETS)
    fused = report.fused
    if not carried or fused.confidence < TAG_CONFIDENCE:
        return words
    *firsts, last = carried
    sources = f'{", ".join(firsts)} and {last}' if firsts else last
    return f'[{fused.label} {fused.confidence:.1f}, {sources}] {words}'.rstrip()
