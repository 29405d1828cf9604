"""Every parameter of the node: name, default, unit, range and description, in this one place.

A parameter's ROS name is its path through the nested records: `Config().segmenter.min_silence`
is the parameter `segmenter.min_silence`. The node declares its parameters from here, the YAML
file in `config/` and the README's table are generated from here.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emotion_node.errors import UserError

Value = bool | int | float | str


class ConfigError(UserError, ValueError):
    """A parameter has a value it cannot have; the text names it, its value and its range."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """What there is to know about one parameter.

    Attributes:
        name: dotted, as in ROS.
        default: its type is the parameter's type.
        description: one sentence.
        unit: e.g. "s"; empty where there is none.
        low, high: inclusive range of a number; None where there is none.
        choices: allowed values of a string; empty where any will do.
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: object) -> Value:
        """Return `value` as the parameter's type.

        Raises:
            ConfigError: wrong type, out of range, or not one of the choices.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ConfigError(
                f'{self.name}: expected {kind.__name__}, got {type(value).__name__} ({value!r})'
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
) -> Any:
    return field(
        default=default,
        metadata={
            'description': description,
            'unit': unit,
            'low': low,
            'high': high,
            'choices': choices,
        },
    )


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """How audio comes in."""

    type: str = _p(
        'auto',
        'Message type of the audio topic, e.g. "emotion_msgs/msg/AudioChunk"; '
        '"auto" takes what the graph shows.',
    )
    sample_rate: int = _p(
        16000,
        'Sample rate of audio messages that do not state theirs.',
        'Hz',
        8000,
        96000,
    )
    channels: int = _p(1, 'Channels of audio messages that do not state theirs.', '', 1, 32)
    stamp: str = _p(
        'auto',
        'What the stamp of an audio message marks: its first sample or the moment after its '
        'last; "auto" is "end" for audio_common_msgs, whose drivers stamp audio when they have '
        'read it, else "start".',
        choices=('auto', 'start', 'end'),
    )
    max_jitter: float = _p(
        0.04,
        'Audio stamped off by less than this is taken as continuous; by more, it is a gap or an '
        'overlap. Audio without a header is allowed ten times as much.',
        's',
        0.001,
        1.0,
    )
    max_jump_back: float = _p(
        1.0,
        'Stamps that fall back by more than this mean that the clock was set back: '
        'everything is forgotten.',
        's',
        0.1,
        60.0,
    )
    timeout: float = _p(
        2.0, 'Without audio for this long, the audio input counts as dead.', 's', 0.2, 60.0
    )


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How images come in."""

    transport: str = _p(
        'raw', 'Transport of the image topic.', choices=('raw', 'compressed', 'off')
    )
    timeout: float = _p(
        2.0, 'Without an image for this long, the camera counts as dead.', 's', 0.2, 60.0
    )


@dataclass(frozen=True, slots=True)
class VadConfig:
    """Voice activity detection."""

    backend: str = _p('silero', 'Voice activity detector.', choices=('silero', 'webrtc'))
    webrtc_mode: int = _p(
        2, 'WebRTC only: how readily it calls a sound noise; 3 is most readily.', '', 0, 3
    )
    webrtc_frame: float = _p(
        0.02, 'WebRTC only: length of a frame, 0.01, 0.02 or 0.03.', 's', 0.01, 0.03
    )


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """Where an utterance begins and ends."""

    activation_threshold: float = _p(
        0.35, 'Speech begins when the probability of speech rises to this.', '', 0.0, 1.0
    )
    deactivation_threshold: float = _p(
        0.25, 'Speech pauses when the probability of speech falls below this.', '', 0.0, 1.0
    )
    min_speech_duration: float = _p(
        0.1, 'Sound shorter than this does not begin an utterance.', 's', 0.0, 2.0
    )
    min_silence_duration: float = _p(
        0.4, 'An utterance ends after a pause of this length.', 's', 0.1, 3.0
    )
    padding: float = _p(
        0.2,
        'Audio added before and after speech for the recogniser and the models.',
        's',
        0.0,
        1.0,
    )
    min_utterance_duration: float = _p(
        0.2, 'Utterances with less speech than this are dropped.', 's', 0.0, 2.0
    )
    max_utterance_duration: float = _p(
        15.0, 'Longer utterances are cut at their quietest point.', 's', 2.0, 30.0
    )


@dataclass(frozen=True, slots=True)
class EndpointingConfig:
    """How the words and the sound before a pause decide how long it must last to be the end."""

    adaptive: bool = _p(
        False,
        'End an utterance sooner after what sounds finished and later in mid-sentence, within the '
        'bounds below; else always after segmenter.min_silence_duration.',
    )
    min_silence: float = _p(0.2, 'Adaptive only: shortest pause that is an end.', 's', 0.1, 3.0)
    max_silence: float = _p(0.6, 'Adaptive only: longest pause that is no end.', 's', 0.1, 3.0)


@dataclass(frozen=True, slots=True)
class TranscriberConfig:
    """Speech recognition."""

    backend: str = _p(
        'auto',
        'Speech recogniser; "auto" is Whisper when its model is on this machine, else '
        'pocketsphinx; "topic" takes transcript_in; "off" leaves text out.',
        choices=('auto', 'whisper', 'pocketsphinx', 'topic', 'off'),
    )
    whisper_model: str = _p(
        'whisper-base',
        'Whisper only: name of a model fetched by "models fetch", or folder, hub id or size name '
        'of a CTranslate2 Whisper model.',
    )
    whisper_local_files_only: bool = _p(
        True, 'Whisper only: never fetch a model from the hub when the node starts.'
    )
    whisper_window: float = _p(
        30.0,
        'Whisper only: sound that it is given at least, filled up with silence, for the final '
        'words. 30 s is what it learnt with; 10 s is three times as fast and errs more often in '
        'short exclamations.',
        's',
        10.0,
        30.0,
    )
    whisper_compute_type: str = _p('int8', 'Whisper only: CTranslate2 compute type.')
    whisper_device: str = _p('cpu', 'Whisper only: device.', choices=('cpu', 'cuda', 'auto'))
    language: str = _p('en', 'Language spoken, as a BCP 47 tag; empty lets Whisper find out.')
    threads: int = _p(2, 'Threads of the recogniser.', '', 1, 64)
    min_confidence: float = _p(
        0.0,
        'Transcripts below this confidence are published but not used for emotion.',
        '',
        0.0,
        1.0,
    )
    topic_timeout: float = _p(
        2.0, 'With backend "topic": how long to wait for the transcript.', 's', 0.1, 30.0
    )


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """What the emotion models run on."""

    providers: str = _p(
        'cpu',
        'Execution providers of onnxruntime for text, voice and expression, best first, separated '
        'by commas, e.g. "cuda" or "tensorrt, cuda", or "auto"; one that is not there is passed '
        'over with a warning, and the processor is always last.',
    )


@dataclass(frozen=True, slots=True)
class TextConfig:
    """Emotion from words."""

    backend: str = _p(
        'onnx',
        'Text emotion model; "transformers" is any sequence classifier of Hugging Face, and '
        'needs torch and transformers.',
        choices=('onnx', 'transformers', 'off'),
    )
    model: str = _p('text', 'Onnx only: name of the model in the manifest.')
    threads: int = _p(1, 'Threads of the text model.', '', 1, 64)
    transformers_model: str = _p('', 'Transformers only: folder or hub id of the classifier.')
    transformers_local_files_only: bool = _p(
        True, 'Transformers only: never fetch a model when the node starts.'
    )
    transformers_labels: str = _p(
        '',
        'Transformers only: what labels that are not known by name mean, e.g. "LABEL_0=anger, '
        'LABEL_1=joy, irony="; nothing after the sign leaves a label out.',
    )
    transformers_turns: int = _p(
        0,
        "Transformers only: past utterances put before the one to judge, joined by the model's "
        'separator; only for models that were trained so.',
        '',
        0,
        20,
    )


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Emotion from how something is said."""

    backend: str = _p(
        'auto',
        'Voice emotion model; "auto" takes the one in the manifest, if there is one.',
        choices=('auto', 'onnx', 'off'),
    )
    model: str = _p('voice', 'Name of the model in the manifest.')
    threads: int = _p(1, 'Threads of the voice model.', '', 1, 64)


@dataclass(frozen=True, slots=True)
class FaceConfig:
    """Faces: who is there, and who speaks."""

    backend: str = _p('mediapipe', 'Face detection and landmarks.', choices=('mediapipe', 'off'))
    expression: str = _p(
        'auto',
        'Expression model; "auto" takes the one in the manifest, if there is one. "landmarks" is '
        'one over landmark sequences, which you train yourself.',
        choices=('auto', 'onnx', 'landmarks', 'off'),
    )
    model: str = _p(
        'face',
        'Name of the expression model in the manifest; for "landmarks" also the path of its '
        'folder, beside which its own manifest lies.',
    )
    threads: int = _p(1, 'Threads of the expression model.', '', 1, 64)
    landmarker: str = _p(
        '',
        'A face_landmarker.task file of MediaPipe, for its landmarks and blendshapes; empty takes '
        'the face mesh that MediaPipe brings along.',
    )
    min_size: int = _p(
        80,
        'Faces narrower than this need not be found; the larger an image is in comparison, the '
        'more views of it are searched one after the other.',
        'px',
        20,
        1000,
    )
    max_faces: int = _p(4, 'Faces that are followed at the same time.', '', 1, 20)
    detection_period: float = _p(
        0.5, 'Time between two looks for new faces while some are followed.', 's', 0.03, 10.0
    )
    keep_lost: float = _p(
        2.0, 'A face that is out of sight for longer is somebody new afterwards.', 's', 0.0, 30.0
    )


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """One answer from the modalities that are there."""

    method: str = _p(
        'robust',
        'How answers are pooled: "log_linear" multiplies what each modality says beyond its '
        'prior, "robust" also reckons that a lighter one may be about somebody else, "linear" '
        'takes their weighted mean.',
        choices=('robust', 'log_linear', 'linear'),
    )
    text_weight: float = _p(
        0.7,
        'Weight of the text modality. Only the ratios of the weights among the modalities that '
        'are there count; one of weight 0 has no say.',
        '',
        0.0,
        1.0,
    )
    voice_weight: float = _p(0.4, 'Weight of the voice modality.', '', 0.0, 1.0)
    face_weight: float = _p(0.15, 'Weight of the face modality.', '', 0.0, 1.0)
    temperature: float = _p(
        1.35,
        'By which the pooled answer of several modalities is flattened (above 1) or sharpened; '
        'the less so the more one of them prevails.',
        '',
        0.2,
        5.0,
    )
    min_confidence: float = _p(
        0.0,
        'Below this confidence an emotion is published with an empty label; its confidence and '
        'scores stay.',
        '',
        0.0,
        1.0,
    )


@dataclass(frozen=True, slots=True)
class InterimConfig:
    """Estimates while somebody is still speaking."""

    enabled: bool = _p(True, 'Publish interim estimates.')
    period: float = _p(0.2, 'Time between interim estimates.', 's', 0.1, 10.0)


@dataclass(frozen=True, slots=True)
class SpeculationConfig:
    """Work in pauses that may prove to be the end of the utterance."""

    enabled: bool = _p(
        True,
        'Transcribe and ask the models as soon as speech pauses, so that the answer is there when '
        'the pause proves to be the end; results are the same, the processor does more.',
    )


@dataclass(frozen=True, slots=True)
class DialogueConfig:
    """What is remembered of the conversation."""

    max_turns: int = _p(20, 'Past utterances that are remembered.', '', 0, 1000)
    max_age: float = _p(300.0, 'Past utterances older than this are forgotten.', 's', 1.0, 1e6)
    speakers: str = _p(
        'face',
        'What tells speakers apart: their faces, also a light signature of their voices where no '
        'face is seen, or nothing. Voices alone mix up people who sound alike.',
        choices=('face', 'face_and_voice', 'off'),
    )
    same_voice: float = _p(
        0.6,
        'Likeness from which a voice is taken for one that was heard before.',
        '',
        -1.0,
        1.0,
    )
    new_voice: float = _p(
        0.0,
        'Likeness to all voices heard before below which a voice is taken for a new one; in '
        'between, the speaker is unknown.',
        '',
        -1.0,
        1.0,
    )
    transition_power: float = _p(
        0.0,
        'How much the emotions of the last turns, of the speaker and of others, count as a prior; '
        '0 is not at all.',
        '',
        0.0,
        1.0,
    )
    half_life: float = _p(
        60.0, 'Time after which what a speaker felt counts half as much.', 's', 0.1, 1e6
    )


@dataclass(frozen=True, slots=True)
class RobotConfig:
    """The robot's own voice."""

    mute_release: float = _p(
        0.3,
        'How long after the robot has stopped speaking the microphone is still ignored '
        '(echo of the room).',
        's',
        0.0,
        5.0,
    )


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Queues between the node's threads."""

    audio_seconds: float = _p(
        10.0,
        'Audio that may wait to be heard; when the machine falls further behind, what has '
        'waited longest is given up, counted and reported as a gap.',
        's',
        1.0,
        120.0,
    )
    frames: int = _p(
        4, 'Images that may wait to be seen; the oldest is dropped for a newer one.', '', 1, 100
    )
    analysis_seconds: float = _p(
        10.0,
        'Speech that may wait to be analysed before transcripts are given up (marked absent with '
        'reason timeout); interim estimates are given up 1 s behind, utterances never.',
        's',
        5.0,
        600.0,
    )


@dataclass(frozen=True, slots=True)
class DiagnosticsConfig:
    """Self-observation."""

    period: float = _p(1.0, 'Time between two messages on /diagnostics.', 's', 0.1, 60.0)


@dataclass(frozen=True, slots=True)
class Config:
    """All parameters."""

    autostart: bool = _p(
        True, 'Configure and activate the node at once, without a lifecycle manager.'
    )
    models_dir: str = _p('', 'Folder with manifest.toml; empty takes the one installed.')
    audio: AudioConfig = AudioConfig()
    image: ImageConfig = ImageConfig()
    vad: VadConfig = VadConfig()
    segmenter: SegmenterConfig = SegmenterConfig()
    endpointing: EndpointingConfig = EndpointingConfig()
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
    queue: QueueConfig = QueueConfig()
    diagnostics: DiagnosticsConfig = DiagnosticsConfig()

    def __post_init__(self) -> None:
        segmenter = self.segmenter
        if segmenter.deactivation_threshold > segmenter.activation_threshold:
            raise ConfigError(
                'segmenter.deactivation_threshold must not exceed segmenter.activation_threshold '
                f'({segmenter.deactivation_threshold} > {segmenter.activation_threshold})'
            )
        endpointing = self.endpointing
        if endpointing.min_silence > endpointing.max_silence:
            raise ConfigError(
                'endpointing.min_silence must not exceed endpointing.max_silence '
                f'({endpointing.min_silence} > {endpointing.max_silence})'
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
"""All parameters by name, in the order in which they are shown."""


def make_config(values: Mapping[str, object]) -> Config:
    """Return the configuration with some parameters set by name.

    Raises:
        ConfigError: an unknown name, or a value that a parameter cannot have.
    """
    unknown = sorted(set(values) - set(PARAMETERS))
    if unknown:
        raise ConfigError(f'unknown parameter {unknown[0]!r}; there are: {", ".join(PARAMETERS)}')
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
