"""Plays a recording to emotion_node, and ends after its end.

ros2 launch emotion_node replay.launch.py bag:=talk.mcap view:=true
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    RegisterEventHandler,
    TimerAction,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
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
    end = RegisterEventHandler(
        OnProcessExit(
            target_action=player,
            on_exit=[
                TimerAction(
                    period=LaunchConfiguration('grace'),
                    actions=[EmitEvent(event=Shutdown(reason='the recording has been played'))],
                )
            ],
        )
    )
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in ARGUMENTS
            ),
            node,
            player,
            view,
            end,
        ]
    )
