"""Faces that talk, keep still and chew, as tracked faces, and the talkers' voices.

Talkers are those of the GRID corpus (Cooke, Barker, Cunningham and Shao, JASA 120(5), 2006) whose
recordings are available: nine people, two of them with several recordings. Still and chewing faces
are made from the frame of each in which the mouth is most closed: it sways by fractions of a pixel
under camera noise, and for chewing the lower face is stretched up and down about 1.4 times a
second, with the lips together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.speech import find_speech
from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import FaceConfig
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import NS_PER_S, SAMPLE_RATE, AudioChunk, FloatArray, VideoFrame
from emotion_node.faces import Image, TrackedFace
from emotion_node.interfaces import FaceFinder
from emotion_node.recordings.media import read_media

SWAY: Final = 0.6
"""Standard deviation of a still head's place, in pixels."""
CAMERA_NOISE: Final = 2.0
"""Standard deviation, 0..255."""
CHEW_HZ: Final = (1.1, 1.7)
CHEW_CM: Final = (0.4, 0.9)
"""How far the jaw drops, relative to a face as wide as 15 cm."""
FACE_CM: Final = 15.0
PERSONS: Final = {'bbaf2n': 's1', 'lrwp9a': 's23'}
"""People by name of a recording, where the name does not begin with it."""
MANNERS: Final = ('talking', 'still', 'chewing')

CHIN, UPPER_LIP, INNER_LIPS, NOSE_TIP = 152, 0, (13, 14), 4

Floats = npt.NDArray[np.floating[Any]]


def person_of(name: str) -> str:
    """Return who speaks in the recording of this name."""
    return PERSONS.get(name, name.split('_')[0])


@dataclass(frozen=True, slots=True)
class Talker:
    """One GRID recording.

    Attributes:
        name: of the file.
        stamps_ns: of the frames.
        images: the frames.
        samples: (n,) float32 at `SAMPLE_RATE`; the first belongs to stamp 0.
        speech: start and end of the speech, in ns.
    """

    name: str
    stamps_ns: tuple[int, ...]
    images: tuple[Image, ...]
    samples: FloatArray
    speech: tuple[int, int]

    @property
    def person(self) -> str:
        """Who it is: several recordings may be of one person."""
        return person_of(self.name)


@dataclass(frozen=True, slots=True)
class Clip:
    """One face over time; None where it was not found.

    Attributes:
        talker: whose face it is.
        manner: one of `MANNERS`.
        stamps_ns: of the images.
        faces: in each image.
        images: (height, width) uint8, grey.
    """

    talker: str
    manner: str
    stamps_ns: tuple[int, ...]
    faces: tuple[TrackedFace | None, ...]
    images: tuple[Image, ...]


def read_talkers(*folders: Path) -> list[Talker]:
    """Return all talkers.

    Raises:
        DatasetError: there are none in the first folder; the others may be missing.
    """
    talkers = [_read(path) for folder in folders for path in sorted(folder.glob('*.mpg'))]
    if not any(folders[0].glob('*.mpg')):
        raise DatasetError(f'expected recordings of the GRID corpus in {folders[0]}, found none')
    return talkers


def one_of_each(talkers: Iterable[Talker]) -> list[Talker]:
    """Return the first recording of each person."""
    return list({talker.person: talker for talker in reversed(list(talkers))}.values())[::-1]


def _read(path: Path) -> Talker:
    audio: list[AudioChunk] = []
    video: list[VideoFrame] = []
    for one in read_media(path):
        if isinstance(one, AudioChunk):
            audio.append(one)
        else:
            video.append(one)
    sound = np.concatenate([chunk.samples[:, 0] for chunk in audio]) / np.float32(32768)
    samples = SoxrResampler(audio[0].rate).process(sound, last=True)
    sounds = find_speech(samples)
    speech = (sounds[0][0] * NS_PER_S // SAMPLE_RATE, sounds[-1][1] * NS_PER_S // SAMPLE_RATE)
    return Talker(
        path.stem,
        tuple(frame.stamp_ns for frame in video),
        tuple(frame.decode() for frame in video),
        samples,
        speech,
    )


def make_clips(
    talkers: Iterable[Talker], finder: FaceFinder, seed: int
) -> dict[tuple[str, str], Clip]:
    """Return each talker's face in each manner, by name and manner."""
    clips = {}
    for number, talker in enumerate(talkers):
        rng = np.random.default_rng((seed, number))
        talking = _track(talker, 'talking', talker.images, finder)
        clips[talker.name, 'talking'] = talking
        found = {k: face.mesh.landmarks for k, face in enumerate(talking.faces) if face}
        rest = min(found, key=lambda k: _opening(found[k]))
        for manner in ('still', 'chewing'):
            images = _animate(talker, rest, found[rest], manner == 'chewing', rng)
            clips[talker.name, manner] = _track(talker, manner, images, finder)
    return clips


def _opening(landmarks: FloatArray) -> float:
    upper, lower = INNER_LIPS
    return float(np.linalg.norm(landmarks[upper, :2] - landmarks[lower, :2]))


def _track(talker: Talker, manner: str, images: Iterable[Image], finder: FaceFinder) -> Clip:
    tracker = FaceTracker(FaceConfig(), finder)
    faces, grey = [], []
    for stamp_ns, image in zip(talker.stamps_ns, images, strict=True):
        found = tracker.update(stamp_ns, image)
        faces.append(found[0] if found else None)
        grey.append(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8))
    return Clip(talker.name, manner, talker.stamps_ns, tuple(faces), tuple(grey))


def _animate(
    talker: Talker, rest: int, landmarks: FloatArray, chew: bool, rng: np.random.Generator
) -> Iterable[Image]:
    """Yield as many images as the talker has, made of one of them."""
    image = talker.images[rest]
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    scale = float(np.ptp(landmarks[:, 0])) / FACE_CM
    lip, chin = landmarks[UPPER_LIP, :2], landmarks[CHIN, :2]
    # Nothing moves above the upper lip, all of it at the chin, nothing again on the neck.
    down = np.clip((y - lip[1]) / (chin[1] - lip[1]), 0, None)
    moves = np.where(down < 1, down, np.clip(2.5 - 1.5 * down, 0, 1))
    moves *= np.exp(-(((x - chin[0]) / (0.28 * np.ptp(landmarks[:, 0]))) ** 4))
    amplitude = rng.uniform(*CHEW_CM) * scale if chew else 0.0
    rate, phase = rng.uniform(*CHEW_HZ), rng.uniform(0, 2 * np.pi)
    place = _sway(len(talker.stamps_ns), rng)
    for (dx, dy), stamp_ns in zip(place, talker.stamps_ns, strict=True):
        turn = 2 * np.pi * rate * stamp_ns / NS_PER_S + phase
        drop = amplitude * (0.5 - 0.5 * np.cos(turn))
        aside = 0.3 * amplitude * np.sin(turn)
        moved = cv2.remap(
            image,
            (x - dx - aside * moves).astype(np.float32),
            (y - dy - drop * moves).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        noisy = moved + rng.normal(0, CAMERA_NOISE, moved.shape)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def _sway(count: int, rng: np.random.Generator) -> Floats:
    """Return (count, 2) places of a head that is held still, in pixels."""
    steps = rng.normal(size=(count + 50, 2))
    smooth = np.stack([np.convolve(axis, np.hanning(25), 'same') for axis in steps.T], axis=1)
    smooth = smooth[25:-25]
    return np.asarray(SWAY * smooth / np.std(smooth))
