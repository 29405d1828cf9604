"""Every parameter of the node: name, default, unit, range and description, in this one place.

The ROS name of a parameter is its path through the nested records: `Config().segmenter.padding`
is the parameter `segmenter.padding`. The node declares its parameters from these records.
`config/emotion_node.yaml` and `docs/parameters.md` are generated from them.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emotion_node.datatypes import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from emotion_node.errors import UserError

Value = bool | int | float | str

_YAML_HINT = ': YAML reads an unquoted no, off, yes or on as a truth value; put it in quotes'


class ConfigError(UserError, ValueError):
    """A parameter has an invalid value; the text names it, its value and its range."""

    exit_status = 2


class Change(enum.StrEnum):
    """When a new value of a parameter takes effect."""

    RUNNING = 'at once'
    CONFIGURE = 'when configured'
    START = 'at start'


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """The definition of one parameter.

    Attributes:
        name: dotted, as in ROS.
        default: its type is the type of the parameter.
        description: full sentences, the first one a summary.
        unit: e.g. "s"; empty if the parameter has none.
        low, high: inclusive range of a number; None if unbounded.
        choices: allowed values of a string; empty if any value is allowed.
        change: when a new value takes effect.
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    change: Change = Change.START

    def check(self, value: object) -> Value:
        """Return `value` converted to the type of the parameter.

        Raises:
            ConfigError: wrong type, out of range, or not one of the choices.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is int and str(value) in self.choices:
            value = str(value)  # YAML makes a number of an unquoted 0
        if type(value) is not kind:
            hint = _YAML_HINT if kind is str and isinstance(value, bool) else ''
            raise ConfigError(
                f'{self.name}: expected {kind.__name__}, got {type(value).__name__} '
                f'({value!r}){hint}'
            )
        assert isinstance(value, bool | int | float | str)
        if self.choices and value not in self.choices:
            raise ConfigError(
                f'{self.name}: expected one of {", ".join(self.choices)}, got {value!r}'
            )
        if isinstance(value, int | float) and not isinstance(value, bool):
            low = float('-inf') if self.low is None else self.low
            high = float('inf') if self.high is None else self.high
            if not low <= value <= high:  # also refuses NaN
                raise ConfigError(
                    f'{self.name}: expected {low:g} to {high:g} {self.unit}'.rstrip()
                    + f', got {value!r}'
                )
        return value


def _p(
    default: Any,
    description: str,
    unit: str = '',
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    change: Change = Change.CONFIGURE,
) -> Any:
    return field(
        default=default,
        metadata={
            'description': description,
            'unit': unit,
            'low': low,
            'high': high,
            'choices': choices,
            'change': change,
        },
    )


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """Audio input."""

    type: str = _p(
        'auto',
        'Message type of the audio topic, e.g. "emotion_msgs/msg/AudioChunk"; "auto" takes the '
        'type that its publisher announces on the ROS graph.',
    )
    sample_rate: int = _p(
        16000,
        'Sample rate of audio messages that do not state their own.',
        'Hz',
        MIN_SAMPLE_RATE,
        MAX_SAMPLE_RATE,
    )
    channels: int = _p(
        1, 'Number of channels of audio messages that do not state their own.', '', 1, 32
    )
    channel: str = _p(
        'mean',
        'Which channel to use: the "mean" of all, and the loudest where that cancels (opposite '
        'phase); always the "loudest"; or the number of one, from 0. Set the number for an array '
        'whose channels include what the robot plays, such as 0 for a ReSpeaker with 6 channels.',
        choices=('mean', 'loudest', *map(str, range(32))),
    )
    stamp: str = _p(
        'auto',
        'What the stamp of an audio message marks: its first sample ("start", also "auto"), or '
        'the moment after its last ("end"). "receipt" ignores stamps: the time of receipt minus '
        'the duration is used instead.',
        choices=('auto', 'start', 'end', 'receipt'),
    )
    max_jump_back: float = _p(
        1.0,
        'Stamps that jump back by more than this mean that the clock was set back; all buffers '
        'and the dialogue history are then cleared.',
        's',
        0.1,
        60.0,
    )
    timeout: float = _p(
        2.0,
        'After this long without audio, the audio input is reported as dead.',
        's',
        0.2,
        60.0,
    )


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """Camera input."""

    transport: str = _p(
        'raw', 'Transport of the image topic.', choices=('raw', 'compressed', 'off')
    )
    timeout: float = _p(
        2.0, 'After this long without a frame, the camera is reported as dead.', 's', 0.2, 60.0
    )
    rotation: str = _p(
        '0',
        'By how many degrees each image is turned clockwise before it is analysed, e.g. "180" for '
        'a camera that hangs upside down.',
        choices=('0', '90', '180', '270'),
    )
    delay: float = _p(
        0.0,
        'Known delay of the stamps of images: how much later they are than those of the audio of '
        'the same moment.',
        's',
        -2.0,
        2.0,
    )
    delay_auto: bool = _p(
        True,
        'Find out by how much the stamps of images and audio differ: two clocks from the order of '
        'arrival, a constant delay from the jaw of whoever speaks. Diagnostics report it.',
    )


@dataclass(frozen=True, slots=True)
class VadConfig:
    """Voice activity detection."""

    backend: str = _p('silero', 'Voice activity detector.', choices=('silero', 'webrtc'))
    webrtc_mode: int = _p(
        2,
        'WebRTC only: aggressiveness; the higher, the more sounds count as noise.',
        '',
        0,
        3,
    )
    webrtc_frame: float = _p(
        0.02, 'WebRTC only: frame length, one of 0.01, 0.02 and 0.03 s.', 's', 0.01, 0.03
    )


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """Utterance segmentation."""

    activation_threshold: float = _p(
        0.35, 'Speech starts when the speech probability reaches this.', '', 0.0, 1.0
    )
    deactivation_threshold: float = _p(
        0.25, 'Speech pauses when the speech probability falls below this.', '', 0.0, 1.0
    )
    min_speech_duration: float = _p(
        0.1, 'Minimum duration of sound that starts an utterance.', 's', 0.0, 2.0
    )
    min_silence_duration: float = _p(
        0.4, 'Duration of silence that ends an utterance.', 's', 0.1, 3.0
    )
    padding: float = _p(
        0.2,
        'Audio added before the speech for the recogniser and the models.',
        's',
        0.0,
        1.0,
    )
    trailing_padding: float = _p(
        0.1,
        'Audio added after the speech. Analysis begins once a pause is this long.',
        's',
        0.0,
        1.0,
    )
    min_utterance_duration: float = _p(
        0.2, 'Utterances with less speech than this are dropped.', 's', 0.0, 2.0
    )
    max_utterance_duration: float = _p(
        15.0, 'Longer utterances are split at their quietest point.', 's', 2.0, 30.0
    )


@dataclass(frozen=True, slots=True)
class TranscriberConfig:
    """Speech recognition."""

    backend: str = _p(
        'auto',
        'Speech recogniser. "auto" is Whisper if its model is on this machine, otherwise '
        'pocketsphinx; "topic" reads transcripts from transcript_in; "off" disables the text '
        'modality.',
        choices=('auto', 'whisper', 'pocketsphinx', 'topic', 'off'),
    )
    whisper_model: str = _p(
        'whisper-base',
        'Whisper only: name of a model fetched by "models fetch", or the folder, hub id or size '
        'name of a CTranslate2 Whisper model.',
    )
    whisper_local_files_only: bool = _p(
        True, 'Whisper only: never download a model from the hub when the node starts.'
    )
    whisper_window: float = _p(
        15.0,
        'Whisper only: minimum audio window, filled with silence. 30 s is the window of its '
        'training; below that, the silence beyond 10 s is encoded once and not again for every '
        'utterance.',
        's',
        10.0,
        30.0,
    )
    whisper_compute_type: str = _p('int8', 'Whisper only: CTranslate2 compute type.')
    whisper_device: str = _p('cpu', 'Whisper only: device.', choices=('cpu', 'cuda', 'auto'))
    language: str = _p(
        'en',
        'Language spoken, as a BCP 47 tag. If "auto" or empty, Whisper settles on a language by '
        'the first utterances, and asks again when the words of several in a row have a low '
        'confidence.',
    )
    emotion_text: str = _p(
        'original',
        'Whisper only: words that the text model reads. "original" is what was said, "translate" '
        'an English translation by Whisper, "auto" a translation where the text model does not '
        'know the language: whisper-base translates too badly for that, larger models do better. '
        'Messages keep the original words.',
        choices=('auto', 'original', 'translate'),
    )
    threads: int = _p(2, 'Number of threads of the recogniser.', '', 1, 64)
    partial_share: float = _p(
        0.25,
        'Processor time for the words so far while somebody speaks, in cores: these passes are as '
        'frequent as their measured cost allows; those that look for the first words of an '
        'utterance do not wait. 0 makes none; interim estimates of voice and face do not depend '
        'on it.',
        'cores',
        0.0,
        64.0,
    )
    min_confidence: float = _p(
        0.0,
        'Transcripts below this confidence are published, but not used to find the emotion.',
        '',
        0.0,
        1.0,
    )
    topic_timeout: float = _p(
        2.0, 'With backend "topic": maximum time to wait for a transcript.', 's', 0.1, 30.0
    )


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Hardware that the emotion models run on."""

    providers: str = _p(
        'cpu',
        'Execution providers of onnxruntime for the text, voice and expression models, in order '
        'of preference, separated by commas, e.g. "cuda" or "tensorrt, cuda", or "auto". A '
        'provider that is not available is skipped with a warning; the CPU is always the last.',
    )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the three emotion models have in common."""

    backend: str = ''
    model: str = _p('', 'ONNX only: name of the model in the manifest.')
    threads: int = _p(1, 'Number of threads of the model.', '', 1, 64)
    transformers_model: str = _p('', 'Transformers only: folder or hub id of the classifier.')
    transformers_local_files_only: bool = _p(
        True, 'Transformers only: never download a model when the node starts.'
    )
    transformers_labels: str = _p(
        '',
        'Transformers only: emotions of labels whose names are not known, e.g. "LABEL_0=anger, '
        'LABEL_1=joy, irony="; nothing after the equals sign excludes a label.',
    )
    transformers_device: str = _p(
        'auto',
        'Transformers only: where it runs. "auto" takes a GPU if torch can use one.',
        choices=('auto', 'cpu', 'cuda'),
    )


@dataclass(frozen=True, slots=True)
class TextConfig(ModelConfig):
    """Emotion from the words."""

    backend: str = _p(
        'onnx',
        'Text emotion model. "transformers" is any sequence classifier of Hugging Face; it '
        'requires torch and transformers.',
        choices=('onnx', 'transformers', 'off'),
    )
    model: str = _p('text', 'ONNX only: name of the model in the manifest.')
    max_characters: int = _p(
        4000,
        'Longest text that the model gets; the rest is cut off. The default is many times what '
        'anybody says in one utterance.',
        'characters',
        100,
        1_000_000,
    )
    transformers_turns: int = _p(
        0,
        'Transformers only: number of past utterances placed before the current one, joined by '
        "the model's separator; only for models trained with context.",
        '',
        0,
        20,
    )
    transformers_languages: str = _p(
        '',
        'Transformers only: languages of the words that the classifier knows, as BCP 47 tags '
        'separated by commas, e.g. "de, en"; if empty, words of all languages are given to it.',
    )


@dataclass(frozen=True, slots=True)
class VoiceConfig(ModelConfig):
    """Emotion from the voice."""

    backend: str = _p(
        'auto',
        'Voice emotion model. "auto" takes the one in the manifest, if there is one; '
        '"transformers" is any audio classifier of Hugging Face, such as of the wav2vec 2.0 or '
        'WavLM kind; it requires torch and transformers, and a GPU to be fast.',
        choices=('auto', 'onnx', 'transformers', 'off'),
    )
    model: str = _p('voice', 'ONNX only: name of the model in the manifest.')


@dataclass(frozen=True, slots=True)
class FaceConfig(ModelConfig):
    """Face tracking and expression."""

    backend: str = _p(
        'onnx',
        'Face detection and landmarks: "onnx" runs MediaPipe\'s networks, without MediaPipe.',
        choices=('onnx', 'off'),
    )
    model: str = _p(
        'face',
        'Name of the expression model in the manifest. For "landmarks" also the path of its '
        'folder, beside which its own manifest is.',
    )
    threads: int = _p(1, 'Number of threads of the expression model.', '', 1, 64)
    expression: str = _p(
        'auto',
        'Expression model. "auto" takes the one in the manifest, if there is one; "landmarks" is '
        'a model over landmark sequences, which you train yourself; "transformers" is any image '
        'classifier of Hugging Face over faces; it requires torch and transformers, and a GPU to '
        'be fast.',
        choices=('auto', 'onnx', 'landmarks', 'transformers', 'off'),
    )
    landmarker: str = _p(
        '',
        'Path of a face_landmarker.task file of MediaPipe, for its landmarks and blendshapes; if '
        'empty, its face mesh is used.',
    )
    speaker: str = _p(
        'auto',
        'Active speaker detection. "jaw" compares the movement of each jaw with the level of the '
        'voice; "lr-asd" adds a learned detector, which is fetched; "auto" adds it where it has '
        'been fetched.',
        choices=('auto', 'lr-asd', 'jaw'),
    )
    speaker_model: str = _p(
        '',
        "Path of the weights of the learned detector, the authors' file pretrain_AVA.model; if "
        'empty, the fetched one is used.',
    )
    min_size: int = _p(
        80,
        'Minimum face width. The smaller this is relative to the frame, the more views of the '
        'frame are searched in turn.',
        'px',
        20,
        1000,
    )
    max_faces: int = _p(4, 'Maximum number of faces tracked at the same time.', '', 1, 20)
    detection_period: float = _p(
        0.5, 'Time between two searches for new faces while others are tracked.', 's', 0.03, 10.0
    )
    keep_lost: float = _p(
        2.0,
        'A face that is out of sight for longer than this gets a new face_id afterwards.',
        's',
        0.0,
        30.0,
    )


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """Late fusion of the available modalities."""

    method: str = _p(
        'robust',
        'Opinion pool: "log_linear" multiplies the likelihood ratio of each modality over its '
        'prior; "robust" also allows for a low-weight modality belonging to another person; '
        '"linear" takes the weighted mean.',
        choices=('robust', 'log_linear', 'linear'),
    )
    text_weight: float = _p(
        0.7,
        'Weight of the text modality. Only the ratios between the weights of the available '
        'modalities matter; a modality of weight 0 is ignored.',
        '',
        0.0,
        1.0,
        change=Change.RUNNING,
    )
    voice_weight: float = _p(
        0.6, 'Weight of the voice modality.', '', 0.0, 1.0, change=Change.RUNNING
    )
    face_weight: float = _p(
        0.1, 'Weight of the face modality.', '', 0.0, 1.0, change=Change.RUNNING
    )
    temperature: float = _p(
        1.1,
        'Softmax temperature of the fused scores; applied less where one modality dominates. '
        'Above 1 flattens them, below 1 sharpens them.',
        '',
        0.2,
        5.0,
        change=Change.RUNNING,
    )
    min_confidence: float = _p(
        0.0,
        'An emotion below this confidence is published with an empty label, but with its '
        'confidence and scores.',
        '',
        0.0,
        1.0,
        change=Change.RUNNING,
    )


@dataclass(frozen=True, slots=True)
class InterimConfig:
    """Interim estimates during speech."""

    enabled: bool = _p(True, 'Publish interim estimates.', change=Change.RUNNING)
    period: float = _p(
        0.2, 'Time between interim estimates.', 's', 0.1, 10.0, change=Change.RUNNING
    )


@dataclass(frozen=True, slots=True)
class SpeculationConfig:
    """Speculative analysis in pauses that may end the utterance."""

    enabled: bool = _p(
        True,
        'Start transcription and analysis as soon as speech pauses, so that the result is ready '
        'when the pause turns out to be the end. Results are the same; CPU load is higher.',
    )


@dataclass(frozen=True, slots=True)
class DialogueConfig:
    """Dialogue history and speakers."""

    max_turns: int = _p(20, 'Maximum number of past utterances kept.', '', 0, 1000)
    max_age: float = _p(300.0, 'Past utterances older than this are dropped.', 's', 1.0, 1e6)
    speakers: str = _p(
        'face',
        'How speakers are identified: by face or not at all.',
        choices=('face', 'off'),
    )
    half_life: float = _p(
        60.0,
        'Half-life of past emotions in get_reaction and get_speaker_state.',
        's',
        0.1,
        1e6,
    )


@dataclass(frozen=True, slots=True)
class RobotConfig:
    """Suppression of the robot's own voice."""

    mute_release: float = _p(
        0.3,
        'Time for which the microphone stays muted after the robot stops speaking (room echo).',
        's',
        0.0,
        5.0,
        change=Change.RUNNING,
    )


@dataclass(frozen=True, slots=True)
class HriConfig:
    """REP-155 (ROS4HRI)."""

    publish: str = _p(
        'auto',
        'Whether faces and voices are published below /humans and persons are taken from there '
        '(REP-155, ROS4HRI). "auto" does so where the package hri_msgs is installed.',
        choices=('auto', 'on', 'off'),
    )


@dataclass(frozen=True, slots=True)
class FoxgloveConfig:
    """Foxglove."""

    publish: str = _p(
        'auto',
        'Whether the faces, who speaks and what they express are published on faces/annotations, '
        'which Foxglove draws on the image. "auto" does so where the package foxglove_msgs is '
        'installed. The copies of bags that annotate writes have them without it, unless "off".',
        choices=('auto', 'on', 'off'),
    )


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What may leave the node."""

    words: str = _p(
        'publish',
        'Whether what was said leaves the node. With "hide", words leave only as emotion: no '
        'transcript is published, and the text of an emotion is empty.',
        choices=('publish', 'hide'),
    )

    @property
    def hides_words(self) -> bool:
        """Whether words leave only as emotion."""
        return self.words == 'hide'


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Queues between the threads of the node."""

    audio_seconds: float = _p(
        10.0,
        'Maximum audio waiting to be processed. If the machine falls further behind, the oldest '
        'audio is dropped, counted and reported as a gap.',
        's',
        1.0,
        120.0,
    )
    frames: int = _p(
        4, 'Maximum number of waiting frames; the oldest frame is dropped.', '', 1, 100
    )
    analysis_seconds: float = _p(
        10.0,
        'Maximum speech waiting for analysis. Beyond it, transcripts are dropped (text is absent '
        'with the reason timeout). Interim estimates are dropped when one period behind, '
        'utterances never.',
        's',
        5.0,
        600.0,
    )
    calls: int = _p(
        1000,
        'Maximum calls of analyze_text that wait for an answer; more are refused with a message.',
        '',
        1,
        100_000,
    )


@dataclass(frozen=True, slots=True)
class DiagnosticsConfig:
    """Diagnostics."""

    period: float = _p(
        1.0,
        'Time between two messages on /diagnostics.',
        's',
        0.1,
        60.0,
        change=Change.START,
    )


@dataclass(frozen=True, slots=True)
class Config:
    """All parameters."""

    autostart: bool = _p(
        True,
        'Configure and activate the node at start, without a lifecycle manager.',
        change=Change.START,
    )
    models_dir: str = _p('', 'Folder with manifest.toml; if empty, the installed one.')
    audio: AudioConfig = AudioConfig()
    image: ImageConfig = ImageConfig()
    vad: VadConfig = VadConfig()
    segmenter: SegmenterConfig = SegmenterConfig()
    transcriber: TranscriberConfig = TranscriberConfig()
    inference: InferenceConfig = InferenceConfig()
    text: TextConfig = TextConfig()
    voice: VoiceConfig = VoiceConfig()
    face: FaceConfig = FaceConfig()
    fusion: FusionConfig = FusionConfig()
    interim: InterimConfig = InterimConfig()
    speculation: SpeculationConfig = SpeculationConfig()
    dialogue: DialogueConfig = DialogueConfig()
    robot: RobotConfig = RobotConfig()
    hri: HriConfig = HriConfig()
    foxglove: FoxgloveConfig = FoxgloveConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    queue: QueueConfig = QueueConfig()
    diagnostics: DiagnosticsConfig = DiagnosticsConfig()

    def __post_init__(self) -> None:
        segmenter = self.segmenter
        if segmenter.deactivation_threshold > segmenter.activation_threshold:
            raise ConfigError(
                'segmenter.deactivation_threshold must not exceed segmenter.activation_threshold '
                f'({segmenter.deactivation_threshold} > {segmenter.activation_threshold})'
            )


def _walk(cls: type, prefix: str) -> Iterator[ParameterInfo]:
    kinds = typing.get_type_hints(cls)
    for entry in dataclasses.fields(cls):
        name = prefix + entry.name
        if dataclasses.is_dataclass(kinds[entry.name]):
            yield from _walk(kinds[entry.name], name + '.')
        else:
            default: Any = entry.default
            yield ParameterInfo(name, default, **entry.metadata)


PARAMETERS: Mapping[str, ParameterInfo] = types.MappingProxyType(
    {info.name: info for info in _walk(Config, '')}
)
"""All parameters by name, in the order in which they are listed."""


def unknown_parameter(name: str, names: Iterable[str] = PARAMETERS) -> str:
    """Return what is wrong with a name that no parameter has, and the nearest names.

    Args:
        name: the name.
        names: names of the parameters that exist.
    """
    close = difflib.get_close_matches(name, list(names))
    section = name.rpartition('.')[0]
    if not close and section:
        close = [one for one in names if one.rpartition('.')[0] == section]
    hint = (
        f'did you mean {" or ".join(map(repr, close))}?'
        if close
        else ('"python -m emotion_node parameters" lists the parameters of emotion_node')
    )
    return f'there is no parameter {name!r}; {hint}'


def make_config(values: Mapping[str, object]) -> Config:
    """Return the configuration with these parameters set by name, and defaults for the rest.

    Raises:
        ConfigError: an unknown name or an invalid value.
    """
    unknown = sorted(set(values) - set(PARAMETERS))
    if unknown:
        raise ConfigError('\n'.join(map(unknown_parameter, unknown)))
    checked = {name: PARAMETERS[name].check(value) for name, value in values.items()}

    def build(cls: type, prefix: str) -> Any:
        kinds = typing.get_type_hints(cls)
        arguments: dict[str, Any] = {}
        for entry in dataclasses.fields(cls):
            name = prefix + entry.name
            if dataclasses.is_dataclass(kinds[entry.name]):
                arguments[entry.name] = build(kinds[entry.name], name + '.')
            elif name in checked:
                arguments[entry.name] = checked[name]
        return cls(**arguments)

    config = build(Config, '')
    assert isinstance(config, Config)
    return config
