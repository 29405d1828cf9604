"""`python -m emotion_node demo`: the node, a player and a view as three processes, over DDS."""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from emotion_node.cli.parameter_options import add_assignments
from emotion_node.cli.processes import ProcessGroup, Running
from emotion_node.datatypes import NS_PER_S, EmotionReport, Trigger
from emotion_node.errors import UserError
from emotion_node.messages.emotion import decode_emotion
from emotion_node.model_store.catalogue import WHISPER, fetch_command, find_fetchable
from emotion_node.recordings.truth import Score, TrueUtterance, overlapping, read_truth, score

DESCRIPTION = """\
Replay the recorded conversation (synthetic voices and animated portraits) through the node over
DDS and show the emotions as it publishes them.

It runs three processes: the node, a player of the recording, and a view of the node's topic, whose
page in the browser shows the camera too.
"""

_START_TIMEOUT_S = 60.0
_LAST_EMOTION_TIMEOUT_S = 30.0
_POLL_S = 0.05
_MIN_EMOTIONS = 8
"""Number of emotions that counts as a success where the recording has no truth file."""


class DemoError(UserError):
    """The demo cannot be run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'bag',
        nargs='?',
        type=Path,
        metavar='BAG',
        help='recording to replay; the one shipped by default',
    )
    parser.add_argument('--audio-topic', default='/audio', metavar='NAME', help='in the recording')
    parser.add_argument(
        '--image-topic',
        default='/camera/image_raw/compressed',
        metavar='NAME',
        help='in the recording (compressed images)',
    )
    parser.add_argument(
        '--rate', type=float, default=1.0, help='speed, times real time (default 1)'
    )
    parser.add_argument('--interim', action='store_true', help='also show interim estimates')
    add_assignments(parser)
    parser.add_argument(
        '--domain', type=int, metavar='ID', help='ROS_DOMAIN_ID; a random one by default'
    )
    parser.add_argument(
        '--keep', type=Path, metavar='FILE', help='write the emotions to FILE (JSON lines)'
    )


def find_bag() -> Path:
    """Return the recording of the demo: in the checkout, or installed with the package.

    Raises:
        DemoError: there is none.
    """
    package = Path(__file__).resolve().parents[1]
    places = [
        package.parent / 'demo' / 'conversation',
        *(prefix / 'share/emotion_node/demo/conversation' for prefix in package.parents),
    ]
    for place in places:
        if place.is_dir():
            return place
    raise DemoError(
        f'the demo recording is not in {places[0]}; make it with demo/make_demo.py, or name '
        'another recording'
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo.

    Returns:
        0 when an emotion was published for every utterance, otherwise 1.
    """
    for module in ('rclpy', 'emotion_msgs'):
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:  # no origin: the folder of its sources
            raise ModuleNotFoundError(f'No module named {module!r}', name=module)
    bag = args.bag or find_bag()
    truth_file = bag / 'truth.json'
    truths = read_truth(truth_file) if truth_file.exists() else []
    console = Console(width=None if Console().is_terminal else 100)
    signal.signal(signal.SIGTERM, _terminated)
    console.print(f'Starting the node, then playing {bag}: {_length(truths)}.\n', style='dim')
    with tempfile.TemporaryDirectory(prefix='emotion_node_demo_') as folder:
        saved = Path(folder) / 'emotions.jsonl'
        group = ProcessGroup(Path(folder), args.domain)
        begin = time.monotonic()
        with (
            group.process('node', _node_command(args)) as node,
            group.process('view', _view_command(args, saved), shown=True) as view,
        ):
            with group.process('player', _player_command(args, bag)) as player:
                group.wait(player, (node, view))
            _wait_for_last(group, saved, truths, (node, view))
            emotions = _read(saved)
        seconds = time.monotonic() - begin
        if args.keep is not None:
            args.keep.write_bytes(saved.read_bytes())
    result = score(truths, emotions)
    console.print(_summary(result, emotions, seconds))
    succeeded = result.found == result.utterances if truths else len(emotions) >= _MIN_EMOTIONS
    if not succeeded:
        console.print(_missing(truths, emotions))
    return 0 if succeeded else 1


def _length(truths: Sequence[TrueUtterance]) -> str:
    if not truths:
        return 'its whole length'
    seconds = (truths[-1].end_ns - truths[0].start_ns) / NS_PER_S
    return f'{seconds:.0f} s of synthetic voices in {len(truths)} utterances'


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


def _node_command(args: argparse.Namespace) -> list[str]:
    parameters = ['use_sim_time:=true', 'image.transport:=compressed', *args.param]
    return [
        '-m',
        'emotion_node.ros.node',
        '--ros-args',
        *(part for text in parameters for part in ('-p', text)),
        *('-r', f'audio:={args.audio_topic}'),
        *('-r', f'image:={args.image_topic}'),
    ]


def _view_command(args: argparse.Namespace, saved: Path) -> list[str]:
    interim = ['--interim'] if args.interim else []
    page = ['--web'] if importlib.util.find_spec('nicegui') else []
    return ['-m', 'emotion_node', 'view', '--save', str(saved), *interim, *page]


def _player_command(args: argparse.Namespace, bag: Path) -> list[str]:
    return [
        *('-m', 'emotion_node', 'replay', str(bag)),
        *('--rate', str(args.rate)),
        *('--wait-for-subscribers', str(_START_TIMEOUT_S)),
    ]


def _read(saved: Path) -> list[EmotionReport]:
    """Return the final emotions in a file that may still be written."""
    if not saved.exists():
        return []
    lines = saved.read_text(encoding='utf-8').splitlines(keepends=True)
    reports = [decode_emotion(json.loads(line)) for line in lines if line.endswith('\n')]
    return [report for report in reports if report.trigger is Trigger.FINAL]


def _wait_for_last(
    group: ProcessGroup, saved: Path, truths: Sequence[TrueUtterance], needed: Sequence[Running]
) -> None:
    """Wait for an emotion of the last utterance, or until `_LAST_EMOTION_TIMEOUT_S`."""
    deadline = time.monotonic() + _LAST_EMOTION_TIMEOUT_S
    while time.monotonic() < deadline:
        group.check(needed)
        if truths and overlapping(truths[-1], _read(saved)):
            return
        time.sleep(_POLL_S)


def _summary(result: Score, emotions: Sequence[EmotionReport], seconds: float) -> Text:
    text = Text.assemble((f'{len(emotions)} emotions', 'bold'), f' in {seconds:.0f} s')
    if result.utterances:
        text.append(
            f' for {result.found} of {result.utterances} utterances; '
            f'{result.words_right} of {result.words} words right; '
            f'intended emotion recognised in {result.emotions_right} of {result.utterances}'
        )
    if emotions:
        latency_ns = statistics.median(one.total_latency_ns for one in emotions)
        text.append(f'; median latency {latency_ns / NS_PER_S:.2f} s')
    text.append(
        '.\nNext: "ros2 run emotion_node emotion_node" or "python -m emotion_node.ros.node" with '
        'your microphone, "python -m emotion_node annotate FILE" for recordings; see README.md.'
    )
    if not find_fetchable(WHISPER).fetched:
        text.append(f' To recognise the words of real speakers, run "{fetch_command(WHISPER)}".')
    return text


def _missing(truths: Sequence[TrueUtterance], emotions: Sequence[EmotionReport]) -> Text:
    missed = [one.text for one in truths if not overlapping(one, emotions)]
    if not missed:
        return Text(f'Expected at least {_MIN_EMOTIONS} emotions.', 'red')
    return Text('No emotion was published for: ' + ' / '.join(missed), 'red')
