"""Plays a recording to emotion_node, and ends after its end.

ros2 launch emotion_node replay.launch.py bag:=talk.mcap view:=true
"""

from __future__ import annotations

from pathlib import Path

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

HERE = Path(__file__).parent

ARGUMENTS = (
    (
        'bag',
        str(HERE.parent / 'demo' / 'conversation'),
        'Recording to play: a rosbag2 folder, or an .mcap or .db3 file.',
    ),
    ('image_topic', '/camera/image_raw', 'Topic of the camera in the recording.'),
    (
        'image_transport',
        'compressed',
        'How the camera was recorded: "raw", "compressed" or "off" (no camera).',
    ),
    ('audio_topic', '/audio', 'Topic of the microphone in the recording.'),
    ('rate', '1.0', 'Speed as a multiple of real time.'),
    ('view', 'false', 'Show the emotions in the terminal as they come: "true" or "false".'),
    (
        'grace',
        '3.0',
        'Seconds for which the node keeps running after the end, to analyse the last utterance.',
    ),
)


FORWARDED = ('image_topic', 'image_transport', 'audio_topic')


def _check_bag(context: LaunchContext) -> None:
    """Stop the start if there is no such recording.

    Raises:
        FileNotFoundError: there is none.
    """
    bag = Path(LaunchConfiguration('bag').perform(context)).expanduser()
    if not bag.exists():
        raise FileNotFoundError(f'bag: there is no file or folder {bag}')


def _after_player(event: ProcessExited, context: LaunchContext) -> list[Action]:
    """Return what ends everything some time after the last message."""
    status = event.returncode

    def end(context: LaunchContext) -> list[Action]:
        # A launch file cannot choose the status of `ros2 launch`. It is 1 after an exception.
        if status:
            raise RuntimeError(
                f'replay ended with status {status}, for the reason that it printed'
            )
        return [EmitEvent(event=Shutdown(reason='the recording has been played'))]

    return [
        TimerAction(period=LaunchConfiguration('grace'), actions=[OpaqueFunction(function=end)])
    ]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(HERE / 'emotion.launch.py')),
        launch_arguments=[
            ('use_sim_time', 'true'),
            *((name, LaunchConfiguration(name)) for name in FORWARDED),
        ],
    )
    player = Node(
        package='emotion_node',
        executable='replay',
        name='replay',
        output='screen',
        arguments=[
            LaunchConfiguration('bag'),
            '--rate',
            LaunchConfiguration('rate'),
            '--wait-for-subscribers',
            '30',
        ],
    )
    view = Node(
        package='emotion_node',
        executable='view',
        name='view',
        output='screen',
        emulate_tty=True,
        condition=IfCondition(LaunchConfiguration('view')),
    )
    end = RegisterEventHandler(OnProcessExit(target_action=player, on_exit=_after_player))
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in ARGUMENTS
            ),
            OpaqueFunction(function=_check_bag),
            node,
            player,
            view,
            end,
        ]
    )
