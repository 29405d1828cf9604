"""Puts the pipeline together from its parameters: the one place that names every backend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import Config, TranscriberConfig
from emotion_node.core.analysis.analysis import Analysis, AnalysisModels
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.core.vision.face_points import WIDTH as POINTS_WIDTH
from emotion_node.core.vision.face_points import read_points
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.core.vision.tracker import DETAIL_NS, Each, FaceTracker
from emotion_node.errors import MissingError, ModelError
from emotion_node.interfaces import (
    FaceEmotion,
    FaceFinder,
    TextEmotion,
    Transcriber,
    Vad,
    VoiceEmotion,
)
from emotion_node.model_store.manifest import find_model, read_manifest

Log = Callable[[str], None]
"""Takes a sentence about a choice that a user should know of."""


@dataclass(frozen=True, slots=True)
class Models:
    """Weights, loaded once and shared by all streams.

    Attributes:
        vad: voice activity detector.
        transcriber: speech recogniser, or None for none.
        text, voice: emotion models, or None for none.
        faces: face detection and landmarks, or None for none; for one camera at a time.
        face, talking: expression model, and learned detector of talking faces, or None for none.
        providers: execution providers of onnxruntime for the emotion models, best first.
    """

    vad: Vad
    transcriber: Transcriber | None
    text: TextEmotion | None
    voice: VoiceEmotion | None = None
    faces: FaceFinder | None = None
    face: FaceEmotion | None = None
    talking: TalkingDetector | None = None
    providers: tuple[str, ...] = ()

    def describe(self) -> dict[str, str]:
        """Return the names and versions of the models in use, by role; "off" for none."""
        parts = {
            'transcription': self.transcriber,
            'text emotion': self.text,
            'voice emotion': self.voice,
            'faces': self.faces,
            'face emotion': self.face,
            'talking faces': self.talking,
        }
        names = {role: str(part.info) if part else 'off' for role, part in parts.items()}
        providers = (name.removesuffix('ExecutionProvider') for name in self.providers)
        names['emotion models run on'] = ', '.join(providers)
        return {'voice activity': self.vad.name, **names}


def load_models(config: Config, log: Log) -> Models:
    """Load the models that the parameters ask for.

    Args:
        config: parameters.
        log: takes a sentence about each choice, such as that of the recogniser.

    Raises:
        ModelError: a model is missing, damaged or does not fit its label table.
    """
    from emotion_node.backends.onnx import choose_providers

    providers = choose_providers(config.inference.providers, log)
    return Models(
        vad=load_vad(config),
        text=(text := _load_text(config, log, providers)),
        transcriber=load_transcriber(config.transcriber, log, text.languages if text else ()),
        voice=_load_voice(config, log, providers),
        faces=(faces := _load_faces(config, log)),
        face=_load_expression(config, log, providers) if faces else None,
        talking=_load_talking(config, log) if faces else None,
        providers=providers,
    )


def load_vad(config: Config) -> Vad:
    """Load the voice activity detector; a `ModelError` if its file is missing or damaged."""
    if config.vad.backend == 'webrtc':
        from emotion_node.backends.vad_webrtc import WebrtcVad

        return WebrtcVad(config.vad.webrtc_mode, config.vad.webrtc_frame)
    from emotion_node.backends.vad_silero import SileroVad

    return SileroVad()


def load_transcriber(
    config: TranscriberConfig, log: Log, languages: Collection[str] = ()
) -> Transcriber | None:
    """Load the speech recogniser that the parameters ask for.

    "auto" is Whisper if its model is on this machine (or may be downloaded and can be), otherwise
    pocketsphinx. A Whisper model that is there but damaged is an error, not a reason for the
    fall-back.

    Args:
        config: parameters of the recogniser.
        log: takes one sentence about what was chosen and what would be better.
        languages: that the text model knows, as in `TextEmotion`.

    Returns:
        None where no recogniser runs in this process: "topic" and "off".

    Raises:
        ModelError: the recogniser's model is missing, damaged, or of another language.
    """
    match config.backend:
        case 'topic' | 'off':
            return None
        case 'whisper':
            return _load_whisper(config, log, languages)
        case 'pocketsphinx':
            return _load_pocketsphinx(config.language)
    from emotion_node.backends.whisper_files import find_whisper_folder, get_whisper_folder

    if find_whisper_folder(config.whisper_model) is None:
        try:
            get_whisper_folder(config.whisper_model, config.whisper_local_files_only)
        except ModelError as error:
            return _fall_back(config.language, log, error)
    return _load_whisper(config, log, languages)


def _fall_back(language: str, log: Log, why: ModelError) -> Transcriber:
    try:
        transcriber = _load_pocketsphinx(language)
    except ModelError as error:
        raise ModelError(f'{error}. Whisper is not available either: {why}') from error
    log(f'Speech recognition by pocketsphinx, which gets many words wrong: {why}')
    return transcriber


def _load_pocketsphinx(language: str) -> Transcriber:
    # The package is optional where Whisper is used.
    try:
        from emotion_node.backends.asr_pocketsphinx import PocketsphinxTranscriber
    except ModuleNotFoundError as error:
        raise ModelError(
            'pocketsphinx is not installed: pip install pocketsphinx, or set '
            'transcriber.backend to whisper or off'
        ) from error
    return PocketsphinxTranscriber(language)


def _load_whisper(config: TranscriberConfig, log: Log, languages: Collection[str]) -> Transcriber:
    from emotion_node.backends.asr_whisper import WhisperTranscriber, choose_device
    from emotion_node.backends.whisper_language import translation_rule

    device, compute_type = choose_device(config.whisper_device, config.whisper_compute_type, log)
    transcriber = WhisperTranscriber(
        config.whisper_model,
        local_files_only=config.whisper_local_files_only,
        compute_type=compute_type,
        device=device,
        language=config.language,
        threads=config.threads,
        window=config.whisper_window,
        translates=translation_rule(config.emotion_text, languages),
    )
    log(f'Speech recognition by {transcriber.info} ({device})')
    return transcriber


def build_hearing(config: Config, models: Models, id_prefix: str = '') -> Hearing:
    """Return the hearing of one microphone; `id_prefix` precedes the numbers of utterances."""
    return Hearing(
        config.audio,
        config.segmenter,
        config.robot.mute_release,
        models.vad,
        SoxrResampler,
        id_prefix,
    )


def build_analysis(config: Config, models: Models, guard: Guard, each: Each = map) -> Analysis:
    """Return the analysis of one microphone's speech events and one camera's frames."""
    vision = None
    if models.faces is not None:
        detail_ns = DETAIL_NS if models.face is None else models.face.period_ns
        tracker = FaceTracker(config.face, models.faces, detail_ns, each)
        clock, talking = guard.timings.clock, models.talking
        vision = FaceVision(tracker, models.face, clock, config.image, talking)
    return Analysis(
        config, AnalysisModels(models.transcriber, models.text, models.voice, vision), guard
    )


def build_pipeline(config: Config, models: Models, guard: Guard, each: Each = map) -> Pipeline:
    """Return hearing and analysis in one thread; `each` is as in `FaceTracker`."""
    return Pipeline(build_hearing(config, models), build_analysis(config, models, guard, each))


def _load_text(config: Config, log: Log, providers: Sequence[str]) -> TextEmotion | None:
    match config.text.backend:
        case 'off':
            return None
        case 'transformers':
            with _optional_packages('text.backend'):
                from emotion_node.backends.text_transformers import TransformersTextEmotion
            return TransformersTextEmotion(config.text, log)
    from emotion_node.backends.text_onnx import OnnxTextEmotion

    entry = find_model(config.text.model, config.models_dir)
    return OnnxTextEmotion(entry, config.text.threads, providers)


@contextlib.contextmanager
def _optional_packages(parameter: str) -> Iterator[None]:
    """Name the packages that are missing for what a parameter asks for."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModelError(
            f'{parameter} "transformers" needs the Python package {error.name}: '
            'pip install torch transformers pillow, or choose another one'
        ) from error


def _load_voice(config: Config, log: Log, providers: Sequence[str]) -> VoiceEmotion | None:
    voice = config.voice
    if voice.backend == 'transformers':
        with _optional_packages('voice.backend'):
            from emotion_node.backends.voice_transformers import TransformersVoiceEmotion
        return TransformersVoiceEmotion(voice, log)
    if voice.backend == 'off' or _lacks(config, voice.backend, voice.model):
        return None
    from emotion_node.backends.voice_onnx import OnnxVoiceEmotion

    entry = find_model(voice.model, config.models_dir)
    return OnnxVoiceEmotion(entry, voice.threads, providers)


def _load_faces(config: Config, log: Log) -> FaceFinder | None:
    if config.face.backend == 'off' or config.image.transport == 'off':
        return None
    from emotion_node.backends.faces_onnx import open_faces

    try:
        return open_faces(config.face.landmarker)
    except MissingError as error:
        log(f'Faces are off: {error}')
        return None


def _load_talking(config: Config, log: Log) -> TalkingDetector | None:
    from emotion_node.backends.talking_lr_asd import open_lr_asd

    return open_lr_asd(config.face, log)


def _load_expression(config: Config, log: Log, providers: Sequence[str]) -> FaceEmotion | None:
    face, folder, key = config.face, config.models_dir, config.face.model
    if face.expression == 'transformers':
        with _optional_packages('face.expression'):
            from emotion_node.backends.face_transformers import TransformersFaceEmotion
        return TransformersFaceEmotion(face, log)
    if face.expression == 'off' or _lacks(config, face.expression, key):
        return None
    if face.expression == 'landmarks':
        from emotion_node.backends.face_landmarks_onnx import OnnxLandmarkEmotion

        if '/' in key:
            own = Path(key).expanduser()
            folder, key = str(own.parent), own.name
        entry = find_model(key, folder)
        return OnnxLandmarkEmotion(entry, read_points, POINTS_WIDTH, face.threads, providers)
    from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion

    entry = find_model(key, folder, EXPRESSIONS)
    return OnnxFaceEmotion(entry, face.threads, providers)


def _lacks(config: Config, backend: str, key: str) -> bool:
    """Return whether a model that is loaded if it is there is not in the manifest."""
    return backend == 'auto' and key not in read_manifest(config.models_dir)
