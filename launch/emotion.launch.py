"""Starts emotion_node on a robot's topics, and optionally drivers for a microphone and a camera.

ros2 launch emotion_node emotion.launch.py audio_topic:=/mic/audio image_topic:=/head/image_raw
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PARAMETER_ARGUMENTS = {
    'image_transport': 'image.transport',
    'audio_type': 'audio.type',
    'models_dir': 'models_dir',
    'transcriber': 'transcriber.backend',
    'whisper_model': 'transcriber.whisper_model',
}
"""Arguments that set a parameter of the node; an empty one leaves it to the parameter file."""

ARGUMENTS = (
    (
        'image_topic',
        'image',
        'Topic of the camera. With image_transport:=compressed, "/compressed" is appended to it '
        'unless it is there already.',
    ),
    (
        'image_transport',
        '',
        'How the camera publishes: "raw" (sensor_msgs/Image), "compressed" '
        '(sensor_msgs/CompressedImage) or "off" (no camera). Empty: as in params_file.',
    ),
    ('audio_topic', 'audio', 'Topic of the microphone.'),
    (
        'audio_type',
        '',
        'Message type of the audio topic, e.g. "audio_common_msgs/msg/AudioStamped"; "auto" '
        'finds it on the graph. Empty: as in params_file.',
    ),
    (
        'params_file',
        PathJoinSubstitution([FindPackageShare('emotion_node'), 'config', 'emotion_node.yaml']),
        'YAML file with the parameters of the nodes.',
    ),
    ('namespace', '', 'Namespace of the nodes, and of topics whose names do not start with "/".'),
    ('use_sim_time', 'false', '"true": take the time from /clock (simulation, recording).'),
    ('log_level', 'info', 'Lowest severity that is logged: debug, info, warn, error or fatal.'),
    ('models_dir', '', 'Folder with the manifest.toml of the models. Empty: as in params_file.'),
    (
        'transcriber',
        '',
        'Speech recogniser: "auto", "whisper", "pocketsphinx", "topic" (the robot\'s own, on '
        'transcript_in) or "off". Empty: as in params_file.',
    ),
    (
        'whisper_model',
        '',
        'Folder, hub id or size name of the Whisper model. Empty: as in params_file.',
    ),
    (
        'with_microphone',
        'false',
        '"true": also start microphone_node, if there is no driver.',
    ),
    ('microphone', '', 'Number of the input device or part of its name; empty: the default.'),
    ('with_camera', 'false', '"true": also start camera_node, if there is no driver.'),
    ('camera', '0', 'Number or path of the camera, or path of a video file.'),
)


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the nodes that the arguments request."""

    def text(argument: str) -> str:
        return str(LaunchConfiguration(argument).perform(context))

    params_file = Path(text('params_file'))
    if not params_file.is_file():
        raise FileNotFoundError(f'params_file: there is no file {params_file}')
    time = {'use_sim_time': ParameterValue(LaunchConfiguration('use_sim_time'), value_type=bool)}
    given = {
        parameter: ParameterValue(text(argument), value_type=str)
        for argument, parameter in PARAMETER_ARGUMENTS.items()
        if text(argument)
    }
    transport = 'compressed' if text('image_transport') == 'compressed' else 'raw'
    image = ('image', text('image_topic'))
    audio = ('audio', text('audio_topic'))
    common = {
        'package': 'emotion_node',
        'namespace': text('namespace'),
        'output': 'screen',
        'emulate_tty': True,
        'ros_arguments': ['--log-level', text('log_level')],
    }
    return [
        Node(
            executable='emotion_node',
            name='emotion_node',
            parameters=[str(params_file), given, time],
            remappings=[image, audio],
            respawn=True,
            respawn_delay=2.0,
            **common,
        ),
        Node(
            executable='microphone_node',
            name='microphone_node',
            parameters=[
                {'device': ParameterValue(text('microphone'), value_type=str)},
                time,
            ],
            remappings=[audio],
            condition=IfCondition(text('with_microphone')),
            **common,
        ),
        Node(
            executable='camera_node',
            name='camera_node',
            parameters=[
                {'source': ParameterValue(text('camera'), value_type=str), 'transport': transport},
                time,
            ],
            remappings=[image],
            condition=IfCondition(text('with_camera')),
            **common,
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in ARGUMENTS
            ),
            OpaqueFunction(function=nodes),
        ]
    )
