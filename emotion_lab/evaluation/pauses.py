"""Real pauses: those marked by hand in MELD, and those inside single acted sentences.

`pauses.tsv` has the pauses of MELD's two dialogues and seven clips (README.md beside it). In
RAVDESS, EMO-DB and nEMO each file is one sentence, so every pause before its last is inside one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.recordings import MELD_FOLDERS, read_samples
from emotion_lab.evaluation.concatenated import ConcatenatedDialogue, Span, make_dialogues
from emotion_node.config import SegmenterConfig
from emotion_node.datatypes import NS_PER_SAMPLE, SAMPLE_RATE, FloatArray
from emotion_node.interfaces import Vad

MARKS: Final = Path(__file__).with_name('pauses.tsv')
WITHIN: Final = 'within'
SENTENCE: Final = 'sentence'
END: Final = 'end'
KINDS: Final = (WITHIN, SENTENCE, END)

LEAD_S: Final = 0.5
TRAIL_S: Final = 2.0
"""Noise of a quiet microphone before and after each recording, in s."""
HISS: Final = 1e-4
TOLERANCE_S: Final = 0.2
"""By this much a detector may find a marked pause early or late."""
MIN_GAP_S: Final = 0.1
"""Shorter pauses are the closures of plosives."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A pause marked by hand.

    Attributes:
        start: end of the speech before it, in s from the beginning of the file.
        end: beginning of the speech after it; None where the file has none.
        kind: `WITHIN` a sentence, before another `SENTENCE` of the same turn, or the turn's `END`.
    """

    start: float
    end: float | None
    kind: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A pause as a voice activity detector finds it.

    Attributes:
        start: end of the speech before it, in samples.
        end: beginning of the speech after it, in samples; None where there is none.
    """

    start: int
    end: int | None

    @property
    def silence_s(self) -> float:
        """Its length in s; infinite where nothing follows."""
        return float('inf') if self.end is None else (self.end - self.start) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause whose kind is known.

    Attributes:
        corpus: name of the dataset.
        speaker: who paused, or the recording where that is not known.
        language: of the speech, e.g. "en".
        samples: (n,) float32 at `SAMPLE_RATE`: the recording.
        begin: start of the turn, in samples.
        gap: the pause in `samples`.
        kind: one of `KINDS`.
    """

    corpus: str
    speaker: str
    language: str
    samples: FloatArray
    begin: int
    gap: Gap
    kind: str

    @property
    def ends(self) -> bool:
        """Whether the turn is over."""
        return self.kind == END


def read_marks(path: Path = MARKS) -> dict[str, list[Mark]]:
    """Return the marked pauses by name of the file, in order."""
    marks: dict[str, list[Mark]] = {}
    with path.open(encoding='utf-8') as file:
        for row in csv.DictReader(file, delimiter='\t'):
            if row['kind'] not in KINDS:
                raise ValueError(f'{path}: expected one of {KINDS}, got {row["kind"]!r}')
            end = float(row['end']) if row['end'] else None
            marks.setdefault(row['file'], []).append(Mark(float(row['start']), end, row['kind']))
    return marks


def read_marked(root: Path | None = None) -> dict[str, FloatArray]:
    """Return by name of the file the samples of the marked recordings, as they are.

    Raises:
        DatasetError: one is missing.
    """
    found = {}
    for name in read_marks():
        paths = [data_root(root) / folder / name for folder in MELD_FOLDERS]
        path = next((one for one in paths if one.is_file()), None)
        if path is None:
            raise DatasetError(f'expected {paths[0]} or {paths[1]}, found neither')
        found[name] = read_samples(path)
    return found


def with_quiet(samples: FloatArray, seed: int = 0) -> FloatArray:
    """Return a recording with `LEAD_S` and `TRAIL_S` of quiet before and after it."""
    rng = np.random.default_rng(seed)
    lead, trail = (
        rng.normal(0, HISS, round(seconds * SAMPLE_RATE)).astype(np.float32)
        for seconds in (LEAD_S, TRAIL_S)
    )
    return np.concatenate([lead, samples, trail])


def find_gaps(samples: FloatArray, vad: Vad, config: SegmenterConfig) -> list[Gap]:
    """Return the pauses after speech, by the hysteresis of the segmenter."""
    stream, size = vad.stream(), vad.frame_samples
    delay = vad.release_delay_ns // NS_PER_SAMPLE
    gaps: list[Gap] = []
    speaking, stopped = False, None
    for first in range(0, len(samples) - size + 1, size):
        probability = stream.probability(samples[first : first + size])
        if speaking and probability < config.deactivation_threshold:
            speaking, stopped = False, first - delay
        elif not speaking and probability >= config.activation_threshold:
            speaking = True
            if stopped is not None:
                gaps.append(Gap(stopped, first))
                stopped = None
    if stopped is not None:
        gaps.append(Gap(stopped, None))
    return [gap for gap in gaps if gap.silence_s >= MIN_GAP_S]


def meld_pauses(
    vad: Vad, config: SegmenterConfig, root: Path | None = None
) -> tuple[list[Pause], int]:
    """Return the marked pauses that the detector finds, and the number that it does not.

    Raises:
        DatasetError: a recording is missing.
    """
    pauses, missed = [], 0
    marks = read_marks()
    for name, recording in read_marked(root).items():
        samples = with_quiet(recording)
        gaps = find_gaps(samples, vad, config)
        begin = 0
        for mark in marks[name]:
            at = round((LEAD_S + mark.start) * SAMPLE_RATE)
            near = [gap for gap in gaps if abs(gap.start - at) <= TOLERANCE_S * SAMPLE_RATE]
            if near:
                gap = min(near, key=lambda one: abs(one.start - at))
                dialogue = name.split('_')[0]
                pauses.append(Pause('MELD', dialogue, 'en', samples, begin, gap, mark.kind))
            missed += not near
            if mark.kind == END and mark.end is not None:
                begin = round((LEAD_S + mark.end) * SAMPLE_RATE)
    return pauses, missed


def sentence_pauses(
    corpus: str,
    language: str,
    paths: Sequence[Path],
    speaker: Callable[[Path], str],
    vad: Vad,
    config: SegmenterConfig,
) -> Iterator[Pause]:
    """Yield the pauses of files that hold one sentence each."""
    for path in track(paths, corpus, console=Console(stderr=True), transient=True):
        samples = with_quiet(read_samples(path))
        gaps = find_gaps(samples, vad, config)
        for gap in gaps:
            kind = END if gap is gaps[-1] else WITHIN
            yield Pause(corpus, speaker(path), language, samples, 0, gap, kind)


def acted_pauses(
    vad: Vad, config: SegmenterConfig, root: Path | None = None, clips: int = 0
) -> list[Pause]:
    """Return the pauses of RAVDESS, of EMO-DB, and of every sixth file of nEMO.

    Args:
        vad: voice activity detector.
        config: its thresholds.
        root: folder of the data sets, as in `datasets.data_root`.
        clips: files of each corpus that are drawn; 0 for all.
    """
    base = data_root(root)
    sets = (
        ('RAVDESS', 'en', 'ravdess', lambda path: path.stem.rsplit('-', 1)[-1], 1),
        ('EMO-DB', 'de', 'emodb', lambda path: path.stem[:2], 1),
        ('nEMO', 'pl', 'nemo', lambda path: path.stem.split('_')[0], 6),
    )
    pauses: list[Pause] = []
    for corpus, language, folder, speaker, sparse in sets:
        paths = sorted(
            path
            for path in (base / folder).rglob('*')
            if path.suffix in {'.wav', '.flac', '.opus', '.ogg'} and re.match(r'\w', path.stem)
        )
        paths = paths[::sparse]
        if clips:
            drawn = np.random.default_rng(0).permutation(len(paths))[:clips]
            paths = [paths[n] for n in sorted(drawn)]
        pauses += sentence_pauses(corpus, language, paths, speaker, vad, config)
    return pauses


def made_pauses(
    half: str, count: int, vad: Vad, config: SegmenterConfig, root: Path | None = None
) -> list[Pause]:
    """Return the pauses of concatenated dialogues that the detector finds.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    pauses = []
    tolerance = TOLERANCE_S * SAMPLE_RATE
    for number, dialogue in enumerate(make_dialogues(half, count, root)):
        samples = dialogue.samples
        for gap in find_gaps(samples, vad, config):
            turn = [
                one
                for one in dialogue.utterances
                if one[0] // NS_PER_SAMPLE <= gap.start + tolerance
            ]
            if not turn:
                continue
            begin, end = (stamp // NS_PER_SAMPLE for stamp in turn[-1])
            inside = any(
                abs(gap.start - start // NS_PER_SAMPLE) <= tolerance
                for start, _ in dialogue.pauses
            )
            if abs(gap.start - end) <= tolerance:
                kind = END
            elif inside:
                kind = WITHIN
            else:
                continue
            pauses.append(Pause(f'made, {half}', str(number), 'en', samples, begin, gap, kind))
    return pauses


def marked_turns(root: Path | None = None) -> list[ConcatenatedDialogue]:
    """Return the marked recordings with their turns and the pauses inside them.

    Raises:
        DatasetError: a recording is missing.
    """
    marks = read_marks()
    found = []
    for name, recording in read_marked(root).items():
        samples = with_quiet(recording)
        last = len(samples) / SAMPLE_RATE - LEAD_S
        turns: list[Span] = []
        begin = 0.0
        for mark in marks[name]:
            if mark.kind == END:
                turns.append(_stamps(begin, mark.start))
                begin = mark.end or last
        pauses = tuple(
            _stamps(mark.start, mark.end or last) for mark in marks[name] if mark.kind != END
        )
        found.append(ConcatenatedDialogue(samples, tuple(turns), pauses))
    return found


def _stamps(start: float, end: float) -> Span:
    first, last = (round((LEAD_S + one) * SAMPLE_RATE) * NS_PER_SAMPLE for one in (start, end))
    return first, last


def cut_sentences(pauses: Sequence[Pause], silences: Sequence[float]) -> dict[str, Any]:
    """Return by corpus the number of `sentences`, and by silence the share that is `cut_off`.

    Args:
        pauses: of files that hold one sentence each.
        silences: after which an utterance ends, in s.
    """
    figures = {}
    for corpus in dict.fromkeys(pause.corpus for pause in pauses):
        own = [pause for pause in pauses if pause.corpus == corpus]
        count = sum(pause.ends for pause in own)
        inside = [pause for pause in own if not pause.ends]
        cut = {
            f'{silence:g}': len(
                {id(one.samples) for one in inside if one.gap.silence_s >= silence}
            )
            for silence in silences
        }
        figures[corpus] = {
            'sentences': count,
            'cut_off': {silence: number / count for silence, number in cut.items()},
        }
    return figures
