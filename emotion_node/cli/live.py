"""`python -m emotion_node live`: microphone, camera, node and page, in one command."""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from emotion_node.cli.page_options import add_page_options, page_arguments
from emotion_node.cli.parameter_options import add_assignments
from emotion_node.cli.processes import ProcessGroup
from emotion_node.errors import UserError

DESCRIPTION = """\
Perceive the emotions of whoever sits in front of this machine: starts the microphone, the camera,
the node and a page for the browser, and shows the emotions here, too. Ctrl-C ends all of them.

Where a robot already publishes sound or images, name their topics instead.
"""
EPILOG = """\
Examples:
  python -m emotion_node live
  python -m emotion_node live --microphone Jabra --camera /dev/video2
  python -m emotion_node live --audio-topic /robot/audio --image-topic /robot/camera/image_raw
"""

_OFF = 'off'


class LiveError(UserError):
    """Something that is needed is missing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    sound = parser.add_mutually_exclusive_group()
    sound.add_argument(
        '--microphone', default='', metavar='NAME', help='number or part of the name of the device'
    )
    sound.add_argument('--audio-topic', default='', metavar='NAME', help='sound of a robot')
    sight = parser.add_mutually_exclusive_group()
    sight.add_argument(
        '--camera',
        default='0',
        metavar='DEVICE',
        help='number or path of the camera, path of a video file, or "off" (default 0)',
    )
    sight.add_argument('--image-topic', default='', metavar='NAME', help='images of a robot')
    parser.add_argument(
        '--compressed', action='store_true', help='the images of --image-topic are CompressedImage'
    )
    add_page_options(parser)
    parser.add_argument('--interim', action='store_true', help='also print interim estimates')
    add_assignments(parser)
    parser.add_argument(
        '--domain',
        type=int,
        default=int(os.environ.get('ROS_DOMAIN_ID') or 0),
        metavar='ID',
        help='ROS_DOMAIN_ID (default: that of the environment)',
    )


def run(args: argparse.Namespace) -> int:
    """Run everything until interrupted.

    Returns:
        Never, but by an exception.
    """
    camera = _camera(args)
    if not args.audio_topic:
        _check_microphone()
    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(prefix='emotion_node_live_') as folder, ExitStack() as stack:
        group = ProcessGroup(Path(folder), args.domain)
        commands = {'node': _node_command(args, camera)}
        if not args.audio_topic:
            parameters = [f'device:={args.microphone}'] if args.microphone else []
            commands['microphone'] = _ros_command('drivers.microphone', parameters)
        if camera and not args.image_topic:
            commands['camera'] = _ros_command('drivers.camera', [f'source:={camera}'])
        running = [
            stack.enter_context(group.process(name, command)) for name, command in commands.items()
        ]
        view = stack.enter_context(group.process('view', _view_command(args), shown=True))
        if not camera and not args.image_topic:
            console.print(
                'No camera: faces are absent. Name one by --camera, or a topic by --image-topic.',
                style='yellow',
            )
        console.print('Starting; speak when the page says that the node listens.', style='dim')
        group.wait(view, running)
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _camera(args: argparse.Namespace) -> str:
    """Return the camera to be started; empty for none.

    Raises:
        LiveError: the one that was named does not exist.
    """
    source: str = args.camera
    if args.image_topic or source == _OFF:
        return ''
    path = Path(f'/dev/video{source}' if source.isdigit() else source)
    if path.exists() or '://' in source:
        return source
    if source != '0':
        raise LiveError(f'there is no camera or video file {path}')
    return ''


def _check_microphone() -> None:
    """Check that there is a microphone.

    Raises:
        LiveError: there is none, or sound cannot be recorded here.
    """
    other = 'name the topic of a robot by --audio-topic, or see "python -m emotion_node demo"'
    try:
        import sounddevice  # needs PortAudio, which no other command does
    except OSError as error:
        raise LiveError(
            f'{error}: install it (Debian, Ubuntu: apt install libportaudio2), or {other}'
        ) from error
    if not any(one['max_input_channels'] > 0 for one in sounddevice.query_devices()):
        raise LiveError(f'this machine has no microphone: connect one, or {other}')


def _ros_command(module: str, parameters: list[str], *remaps: str) -> list[str]:
    return [
        *('-m', f'emotion_node.ros.{module}', '--ros-args'),
        *(part for text in parameters for part in ('-p', text)),
        *(part for text in remaps for part in ('-r', text)),
    ]


def _node_command(args: argparse.Namespace, camera: str) -> list[str]:
    transport = 'raw' if camera else _OFF
    if args.image_topic:
        transport = 'compressed' if args.compressed else 'raw'
    remaps = [
        f'{name}:={topic}'
        for name, topic in (('audio', args.audio_topic), ('image', args.image_topic))
        if topic
    ]
    return _ros_command('node', [f'image.transport:={transport}', *args.param], *remaps)


def _view_command(args: argparse.Namespace) -> list[str]:
    return [
        *('-m', 'emotion_node', 'view', '--web', *page_arguments(args)),
        *(['--interim'] if args.interim else []),
    ]
