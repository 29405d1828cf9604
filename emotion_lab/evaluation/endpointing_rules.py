"""Rules that end an utterance sooner or later by what was said and how: none is in use.

At each real or made pause (`evaluation.pauses`) of 0.2 s or more, the evidence is gathered that a
robot has after 0.2 s of silence: Whisper's words and punctuation, the probability of Smart Turn
v3.2 that the turn is over, Silero's probability of speech, the length of the utterance and of its
last sound. A rule waits a short or a long silence by a logistic regression of some of these. Its
weights, threshold and silences are chosen on one half of the speakers (dev), with the fewest
cut-offs at a mean delay of at most 0.4 s. On the other half it is compared with a fixed silence of
the mean delay that it has there.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import read_meld
from emotion_lab.data.metrics import Array
from emotion_lab.evaluation.endings import count_endings
from emotion_lab.evaluation.pauses import (
    END,
    WITHIN,
    Pause,
    acted_pauses,
    made_pauses,
    meld_pauses,
)
from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.onnx import open_session
from emotion_node.backends.vad_silero import FRAME_SAMPLES, SileroVad
from emotion_node.config import Config
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

HEARD_S: Final = 0.2
"""Silence after which a rule is asked."""
LEAD_S: Final = 0.1
SHORT_S: Final = (0.2, 0.25, 0.3)
LONG_S: Final = (0.5, 0.6, 0.8, 1.0)
THRESHOLDS: Final = (0.3, 0.4, 0.5, 0.6, 0.7)
MAX_MEAN_S: Final = 0.4
SMART_TURN_S: Final = 8
EMODB_DEV: Final = ('03', '08', '09', '10', '11')
FEATURES: Final = ('punctuation', 'word', 'smart_turn', 'silero', 'spoken', 'last_sound')
RULES: Final[dict[str, tuple[str, ...]]] = {
    'words': ('punctuation', 'word'),
    'Smart Turn': ('smart_turn',),
    'Silero': ('silero',),
    'sound': ('spoken', 'last_sound'),
    'words and sound': ('punctuation', 'word', 'spoken', 'last_sound'),
    'Smart Turn and sound': ('smart_turn', 'spoken', 'last_sound'),
    'all': FEATURES,
}

TAIL_S: Final = 1.5
"""Speech before the pause whose loud parts are the reference for its last sound."""
LOUD_DB: Final = 12.0
"""The last sound comes within this of the reference level,"""
QUIET_DB: Final = 20.0
"""and begins after the level was last further below the reference than this."""
MIN_SOUND_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at a pause.

    Attributes:
        pause: it.
        text: Whisper's words.
        features: value by name of `FEATURES`.
    """

    pause: Pause
    text: str
    features: dict[str, float]


def last_sound(samples: FloatArray) -> float:
    """Return the length of the last sound of speech in s; 0 where there is none.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`, ending where speech does.
    """
    step = SAMPLE_RATE // 100
    tail = samples[-round(TAIL_S * SAMPLE_RATE) :]
    tail = tail[len(tail) % step :]
    power = np.square(tail.reshape(-1, step)).mean(axis=1) if len(tail) else tail
    if not len(power) or not 0 < float(power.max()) < np.inf:
        return 0.0
    level = 10 * np.log10(np.maximum(power, 1e-10)) - 10 * np.log10(np.percentile(power, 90))
    last = np.flatnonzero(level > -LOUD_DB)[-1]
    before = np.flatnonzero(level[:last] <= -QUIET_DB)
    return float(last - (before[-1] if len(before) else -1)) / 100


def punctuation(text: str) -> float:
    """Return 1 for a complete sentence, -1 for one that is not, 0 where there are no words."""
    text = text.strip()
    if not text:
        return 0.0
    return 1.0 if text.endswith(('.', '?', '!')) and not text.endswith('..') else -1.0


def smart_turn(path: Path) -> Callable[[FloatArray], float]:
    """Return Smart Turn v3's probability that a turn is over, for (n,) samples of it so far."""
    from faster_whisper.feature_extractor import FeatureExtractor

    session = open_session(path, f'Smart Turn: {path}', threads=1)
    extract = FeatureExtractor(chunk_length=SMART_TURN_S)
    length = SMART_TURN_S * SAMPLE_RATE

    def probability(samples: FloatArray) -> float:
        samples = samples[-length:]
        padded = np.pad(samples, (length - len(samples), 0))
        padded = (padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)
        mel = extract(padded, padding=0)[None, :, : SMART_TURN_S * 100]
        (answer,) = session.run(None, {'input_features': mel.astype(np.float32)})
        return float(np.ravel(answer)[0])

    return probability


def draw(pauses: Sequence[Pause], each: int) -> list[Pause]:
    """Return at most `each` pauses of every corpus and kind; those of MELD are all kept."""
    rng = np.random.default_rng(0)
    groups: dict[tuple[str, str], list[Pause]] = {}
    for pause in pauses:
        if pause.corpus == 'MELD' or pause.ends or pause.gap.silence_s >= HEARD_S:
            groups.setdefault((pause.corpus, pause.kind), []).append(pause)
    return [
        own[n]
        for (corpus, _), own in groups.items()
        for n in (range(len(own)) if corpus == 'MELD' else rng.permutation(len(own))[:each])
    ]


def gather(
    pauses: Sequence[Pause], data: Path | None, smart_turn_file: Path | None
) -> tuple[list[Evidence], dict[str, float]]:
    """Return the evidence at each pause, and the median time of Whisper and Smart Turn in ms."""
    endings = count_endings(row.text for row in read_meld('train', data))
    judge = None if smart_turn_file is None else smart_turn(smart_turn_file)
    whispers: dict[str, WhisperTranscriber] = {}
    vad = SileroVad()
    found = []
    times: dict[str, list[float]] = {'whisper': [], 'smart_turn': []}
    for pause in track(pauses, 'pauses', console=Console(stderr=True), transient=True):
        stop = pause.gap.start + round(HEARD_S * SAMPLE_RATE)
        heard = pause.samples[max(0, pause.begin - round(LEAD_S * SAMPLE_RATE)) : stop]
        speech = pause.samples[pause.begin : pause.gap.start]
        if pause.language not in whispers:
            whispers[pause.language] = WhisperTranscriber('whisper-base', language=pause.language)
        begin = time.perf_counter()
        transcript = whispers[pause.language].transcribe(heard, True)
        times['whisper'].append(1000 * (time.perf_counter() - begin))
        over = 0.5
        if judge is not None:
            begin = time.perf_counter()
            over = min(max(judge(heard), 1e-3), 1 - 1e-3)
            times['smart_turn'].append(1000 * (time.perf_counter() - begin))
        words = transcript.text.lower().split()
        odds = endings.get(words[-1].strip('.,?!;:"'), 0.0) if words else 0.0
        stream, first = vad.stream(), max(0, pause.gap.start - 2 * SAMPLE_RATE)
        speaking = [
            stream.probability(pause.samples[at : at + FRAME_SAMPLES])
            for at in range(first, stop - FRAME_SAMPLES + 1, FRAME_SAMPLES)
        ]
        features = {
            'punctuation': punctuation(transcript.text),
            'word': odds * transcript.confidence,
            'smart_turn': float(np.log(over / (1 - over))),
            'silero': float(np.log(np.mean(speaking[-3:]) + 1e-3)),
            'spoken': float(np.log(max(len(speech) / SAMPLE_RATE, 0.1))),
            'last_sound': float(np.log(max(last_sound(speech), MIN_SOUND_S))),
        }
        found.append(Evidence(pause, transcript.text, features))
    return found, {name: float(np.median(one)) for name, one in times.items() if one}


def is_dev(pause: Pause) -> bool:
    """Return whether a pause belongs to the speakers on whom rules are chosen."""
    if pause.corpus == 'RAVDESS':
        return int(pause.speaker) <= 12
    if pause.corpus == 'EMO-DB':
        return pause.speaker in EMODB_DEV
    return pause.corpus == 'made, dev'


def fit_logistic(features: Array, truth: Any, decay: float = 1.0, rounds: int = 40) -> Array:
    """Fit a logistic regression with balanced classes, and return its (k,) weights.

    Newton's method (iteratively reweighted least squares).

    Args:
        features: (n, k); the first column is 1.
        truth: (n,) bool.
        decay: L2 regularisation.
        rounds: iterations of Newton's method.
    """
    counts = np.where(truth, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
    weights = np.zeros(features.shape[1])
    for _ in range(rounds):
        likely = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (counts * (likely - truth)) + decay * weights
        curvature = (features * (counts * likely * (1 - likely))[:, None]).T @ features
        weights = weights - np.linalg.solve(curvature + decay * np.eye(len(weights)), gradient)
    return weights


def area(scores: Array, truth: Any) -> float | None:
    """Return the area under the ROC curve; None where one class is missing."""
    ends, inside = scores[truth], scores[~truth]
    if not len(ends) or not len(inside):
        return None
    wins = (ends[:, None] > inside).mean() + 0.5 * (ends[:, None] == inside).mean()
    return float(wins)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses of one kind of material, as arrays.

    Attributes:
        silence_s: (n,) their lengths; infinite where nothing follows.
        ends, within: (n,) bool.
        features: (n, `FEATURES`).
    """

    silence_s: Array
    ends: Any
    within: Any
    features: Array

    @classmethod
    def of(cls, evidence: Sequence[Evidence]) -> Pauses:
        """Return the arrays."""
        return cls(
            np.array([one.pause.gap.silence_s for one in evidence]),
            np.array([one.pause.kind == END for one in evidence], bool),
            np.array([one.pause.kind == WITHIN for one in evidence], bool),
            np.array([[one.features[name] for name in FEATURES] for one in evidence]),
        )

    def figures(self, required_s: Array) -> tuple[float, float]:
        """Return the share of pauses within that are cut off, and the mean delay of ends in s.

        NaN where there are none.

        Args:
            required_s: (n,) silence that ends the utterance.
        """
        cut = self.silence_s[self.within] >= required_s[self.within]
        delay = required_s[self.ends]
        return _mean(cut), _mean(delay)

    def scores(self, names: Sequence[str], weights: Array) -> Array:
        """Return (n,) probabilities that the turn is over."""
        return np.asarray(1 / (1 + np.exp(-self.design(names) @ weights)))

    def design(self, names: Sequence[str]) -> Array:
        """Return (n, 1 + names) features, with a constant 1 first."""
        chosen = self.features[:, [FEATURES.index(name) for name in names]]
        return np.column_stack([np.ones(len(chosen)), chosen])


def rule_figures(dev: Pauses, test: dict[str, Pauses], names: Sequence[str]) -> dict[str, Any]:
    """Choose a rule on dev, and return its figures there and on the rest.

    Returns:
        `short_s`, `long_s` and `threshold`; `on`, by material: `cut_off`, `mean_delay_s`,
        `fixed_cut_off` (of a fixed silence of that mean delay) and `area`.
    """
    weights = fit_logistic(dev.design(names), dev.ends)
    known = dev.scores(names, weights)
    best: tuple[float, float, float, float, float] | None = None
    for short, long, threshold in itertools.product(SHORT_S, LONG_S, THRESHOLDS):
        cut, delay = dev.figures(np.where(known > threshold, short, long))
        if delay <= MAX_MEAN_S and (best is None or (cut, delay) < best[:2]):
            best = (cut, delay, short, long, threshold)
    assert best is not None
    _, _, short, long, threshold = best
    on = {}
    for name, own in {'dev': dev, **test}.items():
        scores = own.scores(names, weights)
        cut, delay = own.figures(np.where(scores > threshold, short, long))
        fixed, _ = own.figures(np.full(len(scores), delay))
        on[name] = {
            'cut_off': cut,
            'mean_delay_s': delay,
            'fixed_cut_off': fixed,
            'area': area(scores, own.ends),
        }
    return {'short_s': short, 'long_s': long, 'threshold': threshold, 'on': on}


def measure_rules(
    config: Config, data: Path | None, smart_turn_file: Path | None, each: int, clips: int
) -> dict[str, Any]:
    """Return the figures of all rules.

    Args:
        config: thresholds of the segmenter.
        data: folder of the data sets, as in `datasets.data_root`.
        smart_turn_file: Smart Turn's ONNX file; None leaves its rules out.
        each: pauses of a corpus and kind that are drawn.
        clips: files of each acted corpus in which they are looked for; 0 for all.

    Returns:
        `pauses` by material (ends, within, and between sentences of a turn), `rules` by name as
        `rule_figures`, `area` of each feature by material, `complete` (by material, the share of
        ends and of pauses within a sentence that Whisper ends with a full stop), and `ms`.

    Raises:
        DatasetError: a dataset is missing.
        ModelError: Whisper base has not been fetched.
    """
    vad, segmenter = SileroVad(), config.segmenter
    marked, missed = meld_pauses(vad, segmenter, data)
    pauses = [*marked, *acted_pauses(vad, segmenter, data, clips)]
    for half in ('dev', 'test'):
        pauses += made_pauses(half, 20, vad, segmenter, data)
    evidence, times = gather(draw(pauses, each), data, smart_turn_file)
    material: dict[str, list[Evidence]] = {}
    for one in evidence:
        material.setdefault('dev' if is_dev(one.pause) else one.pause.corpus, []).append(one)
    arrays = {name: Pauses.of(own) for name, own in material.items()}
    dev = arrays.pop('dev')
    rules = {
        name: names
        for name, names in RULES.items()
        if smart_turn_file is not None or 'smart_turn' not in names
    }
    both = {'dev': dev, **arrays}
    return {
        'marks_not_found': missed,
        'pauses': {
            name: [
                int(own.ends.sum()),
                int(own.within.sum()),
                int((~own.ends & ~own.within).sum()),
            ]
            for name, own in both.items()
        },
        'rules': {name: rule_figures(dev, arrays, names) for name, names in rules.items()},
        'area': {
            name: {
                feature: area(own.features[:, place], own.ends)
                for place, feature in enumerate(FEATURES)
            }
            for name, own in both.items()
        },
        'complete': {
            name: [_mean(own.features[kind, 0] > 0) for kind in (own.ends, own.within)]
            for name, own in both.items()
        },
        'ms': times,
    }


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else float('nan')


def _shown(value: float | None, form: str) -> str:
    return '–' if value is None or np.isnan(value) else format(value, form)


def rules_markdown(figures: dict[str, Any]) -> str:
    """Return Markdown tables of the figures."""
    names = list(figures['pauses'])
    head = ' | '.join(
        f'{name} ({ends} ends, {within} within)'
        for name, (ends, within, _) in figures['pauses'].items()
    )
    lines = [f'| rule: cut off, against a fixed silence of the same mean delay | {head} |']
    lines.append('|---|' + '--:|' * len(names))
    for rule, one in figures['rules'].items():
        cells = [
            f'{_shown(of["cut_off"], ".0%")}, {_shown(of["fixed_cut_off"], ".0%")} '
            f'({_shown(1000 * of["mean_delay_s"], ".0f")} ms)'
            for of in (one['on'][name] for name in names)
        ]
        lines.append(
            f'| {rule}, {one["short_s"]:g} or {one["long_s"]:g} s | ' + ' | '.join(cells) + ' |'
        )
    lines += ['', '| area under the ROC curve | ' + ' | '.join(names) + ' |']
    lines.append('|---|' + '--:|' * len(names))
    for feature in FEATURES:
        cells = [_shown(figures['area'][name][feature], '.2f') for name in names]
        lines.append(f'| {feature} | ' + ' | '.join(cells) + ' |')
    cells = [
        f'{_shown(ends, ".0%")}, {_shown(within, ".0%")}'
        for ends, within in figures['complete'].values()
    ]
    lines.append('| ends, pauses within: Whisper has a full stop | ' + ' | '.join(cells) + ' |')
    times = ', '.join(f'{name} {one:.0f} ms' for name, one in figures['ms'].items())
    lines += [
        '',
        f'Median time of a call: {times}. Marks not found: {figures["marks_not_found"]}.',
    ]
    return '\n'.join(lines) + '\n'
