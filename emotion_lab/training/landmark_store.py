"""Landmark sequences of the speakers' faces, extracted from clips once for all training runs.

    python -m emotion_lab train landmark-store --data MELD.Raw --store runs/landmark-store

Every clip goes through the node's own hearing and vision: voice activity detection finds the
utterance, active speaker detection its face, so a model is trained on what it gets in the node.
Of several utterances in a clip, the one with the most frames of the speaker's face is kept; a
clip without any is kept with the reason. Clips in the store are not read again. Needs
no torch.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from emotion_lab.data.datasets import DatasetError
from emotion_lab.training.landmark_clips import WAYS, LabelledClip, read_clips
from emotion_node.backends.face_landmarks_onnx import count_frames
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.config import Config
from emotion_node.core.vision.face_points import WIDTH, read_points
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import (
    AudioChunk,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    Reason,
    SpeechEnded,
    SpeechEvent,
)
from emotion_node.faces import FaceMesh, FaceSequence, KeptFace
from emotion_node.factory import Models, build_hearing, load_vad
from emotion_node.labels import Modality
from emotion_node.recordings.media import read_media
from emotion_node.recordings.media_container import MediaError

MISSING: Final = 'file_missing'
UNREADABLE: Final = 'file_unreadable'
NO_SPEECH: Final = 'no_speech'
"""Reasons for a clip without a sequence, in addition to those of `Reason`."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The speaker's face in a clip.

    Attributes:
        seen: the speaker's face; None when there is none.
        reason: why there is none; empty when there is one.
    """

    seen: FaceSequence | None
    reason: str = ''


class Recorder:
    """Keeps what an expression model gets (a `FaceEmotion` that is always absent)."""

    def __init__(self) -> None:
        self.info = ModelInfo('recorder')
        self.width = WIDTH
        self.period_ns = 0
        self.last: FaceSequence | None = None

    def keep(self, mesh: FaceMesh) -> FloatArray:
        """Return the points of a face; NaN when it is none."""
        row = read_points(mesh)
        return np.full(WIDTH, np.nan, np.float32) if row is None else row

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return the same points."""
        return kept

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Keep the sequence."""
        self.last = seen
        return ModalityEmotion.absent(Modality.FACE, Reason.MODEL_OFF)


class ClipReader:
    """Finds the speaker's face in clips, with the node's hearing and vision.

    Raises:
        ModelError: the face networks are missing.
    """

    def __init__(self) -> None:
        self._config = Config()
        faces = open_faces()
        self._models = Models(load_vad(self._config), None, None, faces=faces)

    def read(self, path: Path) -> Sighting:
        """Return the speaker's face in a clip."""
        if not path.is_file():
            return Sighting(None, MISSING)
        assert self._models.faces is not None
        hearing = build_hearing(self._config, self._models)
        recorder = Recorder()
        vision = FaceVision(
            FaceTracker(self._config.face, self._models.faces), expression=recorder
        )
        found: list[tuple[int, Sighting]] = []

        def handle(events: Sequence[SpeechEvent]) -> None:
            for event in events:
                vision.update_speech(event)
                if isinstance(event, SpeechEnded):
                    recorder.last = None
                    reason = vision.estimate(event.utterance).emotion.reason
                    length_ns = event.utterance.end_ns - event.utterance.start_ns
                    seen = recorder.last
                    found.append((length_ns, Sighting(seen, '' if seen else str(reason))))

        try:
            for one in read_media(path):
                if isinstance(one, AudioChunk):
                    handle(hearing.push(one))
                else:
                    vision.update(one)
        except (MediaError, ValueError):
            return Sighting(None, UNREADABLE)
        handle(hearing.flush())
        if not found:
            return Sighting(None, NO_SPEECH)
        return max(found, key=lambda one: (_frames(one[1]), one[0]))[1]


def _frames(sighting: Sighting) -> int:
    return 0 if sighting.seen is None else count_frames(sighting.seen)


def write_sighting(path: Path, sighting: Sighting) -> None:
    """Write a sighting atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seen = sighting.seen
    if seen is None:
        nothing = np.zeros((0, WIDTH), np.float32)
        seen = FaceSequence(np.zeros(0, np.int64), nothing, np.zeros(0, np.float32))
    part = path.with_suffix('.part')
    with part.open('wb') as file:
        np.savez_compressed(
            file,
            stamps_ns=seen.stamps_ns,
            rows=seen.rows,
            quality=seen.quality,
            reason=np.array(sighting.reason),
        )
    part.replace(path)


def read_sighting(path: Path) -> Sighting:
    """Return a written sighting.

    Raises:
        DatasetError: it has other landmarks.
    """
    with np.load(path) as file:
        seen = FaceSequence(file['stamps_ns'], file['rows'], file['quality'])
        reason = str(file['reason'])
    if seen.rows.shape[1:] != (WIDTH,):
        raise DatasetError(
            f'{path} holds {seen.rows.shape[1:]} numbers per face, expected {WIDTH}; delete '
            'the store and make it again'
        )
    return Sighting(None if reason else seen, reason)


def place_of(store: Path, clip: LabelledClip) -> Path:
    """Return the path of a clip's sequence."""
    return store / f'{clip.name}.npz'


_reader: ClipReader  # of this process


def _start() -> None:
    global _reader
    _reader = ClipReader()


def _read(path: Path) -> Sighting:
    return _reader.read(path)


def fill_store(store: Path, clips: Sequence[LabelledClip], workers: int = 1) -> Counter[str]:
    """Read the clips that are not in the store yet; return the number of clips by reason.

    Clips with a sequence are counted under an empty reason.

    Args:
        store: folder to fill.
        clips: the clips.
        workers: number of processes.

    Raises:
        ModelError: the face networks are missing.
    """
    missing = [clip for clip in clips if not place_of(store, clip).is_file()]
    if missing:
        for clip, sighting in zip(missing, _sightings(missing, workers), strict=True):
            # A missing file may still arrive.
            if sighting.reason != MISSING:
                write_sighting(place_of(store, clip), sighting)
    counts: Counter[str] = Counter()
    for clip in clips:
        place = place_of(store, clip)
        counts[read_sighting(place).reason if place.is_file() else MISSING] += 1
    return counts


def _sightings(clips: Sequence[LabelledClip], workers: int) -> Iterator[Sighting]:
    paths = [clip.path for clip in clips]
    if workers <= 1:
        _start()
        yield from map(_read, tqdm(paths, 'finding speakers', unit='clip'))
        return
    with multiprocessing.get_context('spawn').Pool(workers, _start) as pool:
        yield from tqdm(pool.imap(_read, paths), 'finding speakers', len(paths), unit='clip')


def describe(counts: Counter[str]) -> str:
    """Return the counts of `fill_store` as a sentence."""
    skipped = counts.total() - counts['']
    reasons = ', '.join(f'{reason} {n}' for reason, n in counts.most_common() if reason)
    return f'{counts[""]} of {counts.total()} clips show their speaker' + (
        f'; {skipped} skipped: {reasons}' if skipped else ''
    )


def main(args: Sequence[str] | None = None) -> int:
    """Fill the store."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train landmark-store',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, required=True, help='folder of clips')
    parser.add_argument('--store', type=Path, default=Path('runs/landmark-store'))
    parser.add_argument('--workers', type=int, default=1, help='processes; default %(default)s')
    given = parser.parse_args(args)
    print(describe(fill_store(given.store, read_clips(given.data, WAYS[0]), given.workers)))
    return 0
