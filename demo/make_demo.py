"""Make the recorded conversation of the demo: a rosbag2 (MCAP) and its ground truth.

Two public-domain portraits talk to each other with synthetic voices. Run this from the
repository, in an environment with requirements/demo.in installed and flite on the PATH:

    python demo/make_demo.py --output demo/conversation --force
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from cast import PEOPLE, SCRIPT, Line
from motion import Motion
from portrait import Animator, Image
from rich.progress import track
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore
from voice import (
    SAMPLE_RATE,
    STEP,
    Samples,
    check_flite,
    mouth_opening,
    room_noise,
    speak,
)

Times = npt.NDArray[np.float64]

ROOT: Final = Path(__file__).resolve().parent.parent
NS_PER_S: Final = 1_000_000_000
START: Final = 1_750_000_000_000_000_000  # ns; fixed, so that the bag is reproducible
IMAGE_TOPIC: Final = '/camera/image_raw/compressed'
AUDIO_TOPIC: Final = '/audio'
WIDTH: Final = 640
HEIGHT: Final = 360
CHUNK: Final = 512  # samples of audio in a message, 32 ms
NOISE: Final = -55.0  # dBFS
TAIL: Final = 1.5  # s of silence after the last utterance


@dataclass(frozen=True)
class Utterance:
    """A synthesised line."""

    line: Line
    start: int
    """First sample of sound."""
    sound: Samples


def speak_all(script: tuple[Line, ...]) -> list[Utterance]:
    """Return the utterances of the script."""
    utterances = []
    now = 0
    for line in track(script, 'speaking'):
        start = now + round(line.gap * SAMPLE_RATE)
        sound = speak(line.words, line.person.voice, line.emotion)
        utterances.append(Utterance(line, start, sound))
        now = start + len(sound)
    return utterances


def mix(utterances: list[Utterance], rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Return the microphone signal: (n,), n a multiple of `CHUNK`."""
    end = utterances[-1].start + len(utterances[-1].sound) + round(TAIL * SAMPLE_RATE)
    sound = room_noise(-(-end // CHUNK) * CHUNK, NOISE, rng)
    for utterance in utterances:
        sound[utterance.start : utterance.start + len(utterance.sound)] += utterance.sound
    return np.asarray(np.round(np.clip(sound, -1, 1) * 32767), np.int16)


def draw_frames(
    utterances: list[Utterance], exposures: Times, rng: np.random.Generator
) -> list[Image]:
    """Draw the frames of the conversation.

    Args:
        utterances: of the script.
        exposures: (n,) times of the frames, in seconds since the start.
        rng: source of blinks and movements.

    Returns:
        n frames, (HEIGHT, WIDTH, 3) BGR.
    """
    duration = float(exposures[-1]) + 1
    steps = np.arange(round(duration * SAMPLE_RATE / STEP)) * (STEP / SAMPLE_RATE)
    actors = []
    for person in PEOPLE:
        opening = np.zeros(len(steps), np.float32)
        for utterance in utterances:
            if utterance.line.person is person:
                mouth = mouth_opening(utterance.sound)
                first = round(utterance.start / STEP)
                opening[first : first + len(mouth)] = mouth
        actors.append(
            (
                Animator(person.portrait, WIDTH // 2, HEIGHT),
                np.interp(exposures, steps, opening),
                Motion(duration, rng),
            )
        )
    frames = []
    for i, at in enumerate(track(exposures, 'drawing')):
        halves = [
            animator.draw(float(opening[i]), motion.blink(float(at)), *motion.pose(float(at)))
            for animator, opening, motion in actors
        ]
        frames.append(np.hstack(halves))
    return frames


def message_types() -> Typestore:
    """Return the types of ROS 2 Jazzy and of emotion_msgs."""
    types = get_typestore(Stores.ROS2_JAZZY)
    definition = ROOT / 'emotion_msgs' / 'msg' / 'AudioChunk.msg'
    types.register(get_types_from_msg(definition.read_text(), 'emotion_msgs/msg/AudioChunk'))
    return types


def write_bag(
    folder: Path,
    sound: npt.NDArray[np.int16],
    frames: list[Image],
    exposures: Times,
    quality: int,
    rng: np.random.Generator,
) -> None:
    """Write the bag in the order of receipt, as a recorder does."""
    types = message_types()
    stamp_type = types.types['builtin_interfaces/msg/Time']
    header_type = types.types['std_msgs/msg/Header']
    image_type = types.types['sensor_msgs/msg/CompressedImage']
    audio_type = types.types['emotion_msgs/msg/AudioChunk']

    def header(stamp: int, frame: str) -> Any:
        return header_type(stamp_type(stamp // NS_PER_S, stamp % NS_PER_S), frame)

    received: list[tuple[int, str, bytes]] = []
    for i, image in enumerate(frames):
        stamp = START + round(float(exposures[i]) * NS_PER_S)
        # A restart marker after every block lets zstd find blocks that are equal in many frames.
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_RST_INTERVAL, 1]
        data = cv2.imencode('.jpg', image, settings)[1].reshape(-1)
        message = image_type(header(stamp, 'camera'), 'jpeg', data)
        delay = round(rng.uniform(24e6, 36e6))  # read-out, JPEG, transport
        raw = types.serialize_cdr(message, 'sensor_msgs/msg/CompressedImage')
        received.append((stamp + delay, IMAGE_TOPIC, bytes(raw)))
    for first in range(0, len(sound), CHUNK):
        stamp = START + first * NS_PER_S // SAMPLE_RATE
        samples = sound[first : first + CHUNK]
        chunk = audio_type(header(stamp, 'microphone'), SAMPLE_RATE, 1, samples)
        delay = CHUNK * NS_PER_S // SAMPLE_RATE + round(rng.uniform(2e6, 6e6))
        raw = types.serialize_cdr(chunk, 'emotion_msgs/msg/AudioChunk')
        received.append((stamp + delay, AUDIO_TOPIC, bytes(raw)))

    forever = QosTime(9223372036, 854775807)
    sensor_data = Qos(
        QosHistory.KEEP_LAST,
        10,
        QosReliability.BEST_EFFORT,
        QosDurability.VOLATILE,
        forever,
        forever,
        QosLiveliness.AUTOMATIC,
        forever,
        False,
    )
    writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
    # Compression is MCAP's own, as with `ros2 bag record --storage-preset-profile zstd_fast`.
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        connections = {
            topic: writer.add_connection(
                topic, msgtype, typestore=types, offered_qos_profiles=[sensor_data]
            )
            for topic, msgtype in (
                (IMAGE_TOPIC, 'sensor_msgs/msg/CompressedImage'),
                (AUDIO_TOPIC, 'emotion_msgs/msg/AudioChunk'),
            )
        }
        for receipt, topic, raw_message in sorted(received):
            writer.write(connections[topic], receipt, raw_message)


def truth(
    utterances: list[Utterance], samples: int, rate: float, seed: int, flite: str
) -> dict[str, Any]:
    """Return the content of truth.json (see demo/README.md)."""
    people = []
    for person in PEOPLE:
        animator = Animator(person.portrait, WIDTH // 2, HEIGHT)
        offset = 0 if person.side == 'left' else WIDTH // 2
        boxes = {'face': animator.screen_box(person.portrait.face), 'mouth': animator.mouth_box()}
        people.append(
            {
                'name': person.portrait.name,
                'side': person.side,
                **{name: [box[0] + offset, *box[1:]] for name, box in boxes.items()},
                'voice': person.voice.flite,
                'voice_tract': person.voice.tract,
                'voice_pitch': person.voice.pitch,
                'portrait': person.portrait.credit,
            }
        )
    return {
        'schema': 1,
        'synthetic': True,
        'start': START,
        'end': START + samples * NS_PER_S // SAMPLE_RATE,
        'image_topic': IMAGE_TOPIC,
        'audio_topic': AUDIO_TOPIC,
        'image': {'width': WIDTH, 'height': HEIGHT, 'rate': rate},
        'noise_dbfs': NOISE,
        'people': people,
        'utterances': [
            {
                'index': i,
                'start': START + each.start * NS_PER_S // SAMPLE_RATE,
                'end': START + (each.start + len(each.sound)) * NS_PER_S // SAMPLE_RATE,
                'speaker': each.line.person.portrait.name,
                'side': each.line.person.side,
                'words': each.line.words,
                'emotion': each.line.emotion,
                'voice': each.line.person.voice.flite,
            }
            for i, each in enumerate(utterances)
        ],
        'made_by': {'script': 'demo/make_demo.py', 'seed': seed, 'flite': flite},
    }


def main(args: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description='Make the recorded conversation of the demo: a rosbag2 and truth.json.'
    )
    default = ROOT / 'demo' / 'conversation'
    parser.add_argument('--output', type=Path, default=default, help='folder of the bag')
    parser.add_argument('--force', action='store_true', help='replace the output if it exists')
    parser.add_argument('--seed', type=int, default=1, help='seed of noise, blinks and movements')
    parser.add_argument('--rate', type=float, default=12.5, help='frames per second')
    parser.add_argument('--quality', type=int, default=52, help='JPEG quality, 1 to 100')
    options = parser.parse_args(args)
    output: Path = options.output
    if output.exists() and not options.force:
        parser.error(f'{output} exists; choose another --output, or replace it with --force')

    rng = np.random.default_rng(options.seed)
    try:
        flite = check_flite({person.voice.flite for person in PEOPLE})
        utterances = speak_all(SCRIPT)
        sound = mix(utterances, rng)
        count = int(len(sound) / SAMPLE_RATE * options.rate)
        jitter = rng.normal(0, 0.0004, count)  # s: jitter of the camera's clock
        exposures = np.asarray(0.013 + np.arange(count) / options.rate + jitter, np.float64)
        frames = draw_frames(utterances, exposures, rng)
    except FileNotFoundError as error:
        print(f'make_demo: {error}', file=sys.stderr)
        return 1

    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        folder = Path(scratch) / output.name
        write_bag(folder, sound, frames, exposures, options.quality, rng)
        facts = truth(utterances, len(sound), options.rate, options.seed, flite)
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        (folder / 'truth.json').write_text(text + '\n', encoding='utf-8')
        if output.exists():
            shutil.rmtree(output)
        folder.rename(output)
    size = sum(file.stat().st_size for file in output.iterdir())
    print(
        f'{output}: {len(sound) / SAMPLE_RATE:.1f} s, {len(utterances)} utterances, '
        f'{len(frames)} frames, {size / 1e6:.2f} MB'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
