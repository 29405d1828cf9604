"""Puts the pipeline together from its parameters: the one place that names every backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_node.backends.asr import choose_transcriber
from emotion_node.backends.label_table import parse_table
from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import Config, TextConfig
from emotion_node.core.analysis.analysis import Analysis, FaultHandler
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.core.timings import Clock, Timings
from emotion_node.core.vision.face_points import WIDTH as POINTS_WIDTH
from emotion_node.core.vision.face_points import read_points
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import ModelInfo
from emotion_node.errors import ModelError
from emotion_node.interfaces import (
    FaceEmotion,
    FaceFinder,
    TextEmotion,
    Transcriber,
    Vad,
    Vision,
    VoiceEmotion,
)
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import find_model, read_manifest


@dataclass(frozen=True, slots=True)
class Models:
    """Weights, loaded once and shared by whatever streams are made of them.

    Attributes:
        vad: voice activity detector.
        transcriber: speech recogniser, or None for none.
        text, voice: emotion models, or None where there is none.
        faces: face detection and landmarks, or None for none; for one camera at a time.
        face: expression model, or None where there is none.
        providers: of onnxruntime, on which emotion models run; the first that can is taken.
    """

    vad: Vad
    transcriber: Transcriber | None
    text: TextEmotion | None
    voice: VoiceEmotion | None = None
    faces: FaceFinder | None = None
    face: FaceEmotion | None = None
    providers: tuple[str, ...] = ()

    def describe(self) -> dict[str, str]:
        """Return what is in use, by role, for people."""
        off = 'off'
        return {
            'voice activity': self.vad.name,
            'transcription': _describe(self.transcriber.info) if self.transcriber else off,
            'text emotion': _describe(self.text.info) if self.text else off,
            'voice emotion': _describe(self.voice.info) if self.voice else off,
            'faces': _describe(self.faces.info) if self.faces else off,
            'face emotion': _describe(self.face.info) if self.face else off,
            'emotion models run on': ', '.join(
                name.removesuffix('ExecutionProvider') for name in self.providers
            ),
        }


def load_models(config: Config, clock: Clock, log: Callable[[str], None]) -> Models:
    """Load the models that the parameters ask for.

    Args:
        config: parameters.
        clock: measures durations.
        log: told once what a person should know, such as which recogniser was chosen.

    Raises:
        ModelError: a model is missing, damaged or does not fit its label table.
    """
    from emotion_node.backends.onnx import choose_providers

    providers = choose_providers(config.inference.providers, log)
    return Models(
        vad=load_vad(config),
        transcriber=choose_transcriber(config.transcriber, log),
        text=_load_text(config, clock, log, providers),
        voice=_load_voice(config, clock, providers),
        faces=(faces := _load_faces(config, log)),
        face=_load_expression(config, clock, providers) if faces else None,
        providers=providers,
    )


def load_vad(config: Config) -> Vad:
    """Load the voice activity detector that the parameters ask for.

    Raises:
        ModelError: its file is missing or damaged.
    """
    if config.vad.backend == 'webrtc':
        from emotion_node.backends.vad_webrtc import WebrtcVad

        return WebrtcVad(config.vad.webrtc_mode, config.vad.webrtc_frame)
    from emotion_node.backends.vad_silero import SileroVad

    return SileroVad()


def build_hearing(config: Config, models: Models) -> Hearing:
    """Return the hearing of one microphone."""
    return Hearing(
        config.audio, config.segmenter, config.robot.mute_release, models.vad, SoxrResampler
    )


def build_analysis(
    config: Config,
    models: Models,
    clock: Clock,
    on_fault: FaultHandler | None = None,
    timings: Timings | None = None,
) -> Analysis:
    """Return the analysis of one microphone's speech events and one camera's images."""
    return Analysis(
        config,
        models.transcriber,
        models.text,
        models.voice,
        _build_vision(config, models, clock),
        clock,
        on_fault,
        timings,
    )


def build_pipeline(
    config: Config,
    models: Models,
    clock: Clock,
    on_fault: FaultHandler | None = None,
    timings: Timings | None = None,
) -> Pipeline:
    """Return hearing and analysis in line."""
    return Pipeline(
        build_hearing(config, models), build_analysis(config, models, clock, on_fault, timings)
    )


def _load_text(
    config: Config, clock: Clock, log: Callable[[str], None], providers: Sequence[str]
) -> TextEmotion | None:
    match config.text.backend:
        case 'off':
            return None
        case 'transformers':
            return _load_transformers(config.text, clock, log)
    from emotion_node.backends.text_onnx import OnnxTextEmotion

    entry = find_model(config.text.model, config.models_dir)
    return OnnxTextEmotion(entry, config.text.threads, clock=clock, providers=providers)


def _load_transformers(
    config: TextConfig, clock: Clock, log: Callable[[str], None]
) -> TextEmotion:
    table = parse_table(config.transformers_labels)
    # The packages are optional.
    try:
        from emotion_node.backends.text_transformers import TransformersTextEmotion
    except ModuleNotFoundError as error:
        raise ModelError(
            f'text.backend "transformers" needs the Python package {error.name}: '
            'pip install torch transformers, or set text.backend to onnx or off'
        ) from error
    model = TransformersTextEmotion(
        config.transformers_model,
        table,
        turns=config.transformers_turns,
        local_files_only=config.transformers_local_files_only,
        threads=config.threads,
        clock=clock,
    )
    if unheard := [label for label, n in zip(LABELS, model.labels.sum(0), strict=True) if not n]:
        log(f'Text emotion by {model.info.name}, which never says {", ".join(unheard)}')
    return model


def _load_voice(config: Config, clock: Clock, providers: Sequence[str]) -> VoiceEmotion | None:
    voice = config.voice
    if voice.backend == 'off':
        return None
    if voice.backend == 'auto' and voice.model not in read_manifest(config.models_dir):
        return None
    from emotion_node.backends.voice_onnx import OnnxVoiceEmotion

    entry = find_model(voice.model, config.models_dir)
    return OnnxVoiceEmotion(entry, voice.threads, clock=clock, providers=providers)


def _load_faces(config: Config, log: Callable[[str], None]) -> FaceFinder | None:
    if config.face.backend == 'off' or config.image.transport == 'off':
        return None
    from emotion_node.backends.faces_mediapipe import MediaPipeFaces
    from emotion_node.backends.mediapipe_graph import MissingError

    path = config.face.landmarker
    try:
        return MediaPipeFaces(Path(path).expanduser() if path else None)
    except MissingError as error:
        log(f'no faces are followed: {error}')
        return None


def _load_expression(config: Config, clock: Clock, providers: Sequence[str]) -> FaceEmotion | None:
    face = config.face
    if face.expression == 'off':
        return None
    if face.expression == 'landmarks':
        return _load_landmarks(config, clock, providers)
    if face.expression == 'auto' and face.model not in read_manifest(config.models_dir):
        return None
    from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion

    entry = find_model(face.model, config.models_dir, EXPRESSIONS)
    return OnnxFaceEmotion(entry, face.threads, clock=clock, providers=providers)


def _load_landmarks(config: Config, clock: Clock, providers: Sequence[str]) -> FaceEmotion:
    from emotion_node.backends.face_landmarks_onnx import OnnxLandmarkEmotion

    face, folder, key = config.face, config.models_dir, config.face.model
    if '/' in key:
        own = Path(key).expanduser()
        folder, key = str(own.parent), own.name
    entry = find_model(key, folder)
    return OnnxLandmarkEmotion(
        entry, read_points, POINTS_WIDTH, face.threads, clock=clock, providers=providers
    )


def _build_vision(config: Config, models: Models, clock: Clock) -> Vision | None:
    if models.faces is None:
        return None
    return FaceVision(FaceTracker(config.face, models.faces), models.face, clock)


def _describe(info: ModelInfo) -> str:
    return f'{info.name} {info.version}'.strip()
