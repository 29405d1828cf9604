"""The records that flow through the pipeline.

Stamps are `int` nanoseconds of acquisition on the clock that stamped the input; durations
are `int` nanoseconds too when their name ends in `_ns`, `float` seconds when it ends in `_s`.
Audio inside the pipeline is float32 mono at `SAMPLE_RATE`, full scale at -1..1.
"""

from emotion_node.datatypes.emotion import (
    AudibleOrVisible,
    ExpressionCheck,
    FaceEstimate,
    FacialCue,
    FusedScores,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Transcript,
    VocalCue,
)
from emotion_node.datatypes.inputs import AudioChunk, ClockSource, VideoFrame
from emotion_node.datatypes.language import is_known, primary_language, primary_languages
from emotion_node.datatypes.reports import (
    EmotionReport,
    FacesReport,
    Report,
    TranscriptReport,
    Trigger,
)
from emotion_node.datatypes.speech import (
    ClockSetBack,
    EndReason,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    SpeechState,
    Utterance,
)
from emotion_node.datatypes.units import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_MS,
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    SCORE_FLOOR,
    FloatArray,
)
from emotion_node.datatypes.vision_health import VisionHealth
from emotion_node.datatypes.voice import HeardVoice, VoiceEstimate

__all__ = [
    'SAMPLE_RATE',
    'MIN_SAMPLE_RATE',
    'MAX_SAMPLE_RATE',
    'NS_PER_S',
    'NS_PER_MS',
    'NS_PER_SAMPLE',
    'SCORE_FLOOR',
    'is_known',
    'primary_language',
    'primary_languages',
    'FloatArray',
    'ClockSource',
    'AudioChunk',
    'VideoFrame',
    'EndReason',
    'Utterance',
    'SpeechStarted',
    'SpeechAudio',
    'SpeechPaused',
    'SpeechEnded',
    'SpeechDropped',
    'ClockSetBack',
    'SpeechEvent',
    'SpeechState',
    'Reason',
    'ExpressionCheck',
    'AudibleOrVisible',
    'Transcript',
    'FacialCue',
    'VocalCue',
    'ModelInfo',
    'ModalityEmotion',
    'VoiceEstimate',
    'FaceEstimate',
    'FusedScores',
    'HeardVoice',
    'Trigger',
    'EmotionReport',
    'TranscriptReport',
    'FacesReport',
    'Report',
    'VisionHealth',
]
