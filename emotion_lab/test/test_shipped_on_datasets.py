"""What the shipped parts make of labelled recordings, and that the manifest states it truly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.face_scenes import finder
from support.scripted import SECOND
from support.speech import feed

from emotion_lab.data.datasets import DatasetError, data_root, read_meld
from emotion_lab.data.speaker_clips import read_talkers
from emotion_lab.data.speech import find_speech, read_audio, read_ravdess
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.evaluation.hallucinations import noises
from emotion_lab.evaluation.non_speech_sounds import NonSpeechSound, non_speech_sounds
from emotion_lab.evaluation.text import evaluate_text
from emotion_lab.evaluation.voice_answers import held_out_figures, left_out_figures
from emotion_lab.evaluation.voice_figures import (
    as_utterance,
    false_alarm_figures,
)
from emotion_lab.evaluation.voice_folds import load_answers
from emotion_node.backends.asr_pocketsphinx import PocketsphinxTranscriber
from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.config import FaceConfig
from emotion_node.core.vision.expression_check import check
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.core.voice.prosody import measure_prosody
from emotion_node.datatypes import (
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    Reason,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import Box
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import find_model
from emotion_node.recordings.truth import common_words, words_of

EXPRESSIVE = [label for label in LABELS if label != 'neutral']


def data_folder(name: str) -> Path:
    try:
        folder = data_root() / name
    except DatasetError as error:
        pytest.skip(str(error))
    if not folder.is_dir():
        pytest.skip(f'there is no {folder}')
    return folder


def test_the_text_model_keeps_its_figures_on_meld_dev() -> None:
    try:
        read_meld('dev')
    except DatasetError as error:
        pytest.skip(str(error))
    entry = find_model('text')
    figures = evaluate_text('dev', readings=['plain'])
    for name in ('weighted_f1', 'plain_weighted_f1'):
        assert figures[name] == pytest.approx(entry.figures[f'dev_{name}'], abs=0.01)
    assert figures['ece'] < 0.06
    assert set(figures['f1']) == set(LABELS)


def test_the_stored_answers_give_the_voice_models_figures_of_the_manifest() -> None:
    entry = find_model('voice')
    answers = load_answers(entry)
    figures = held_out_figures(answers) | left_out_figures(answers)
    for name in (
        'left_out_uar',
        'left_out_arousal_auc',
        'left_out_reliability_auc',
        'left_out_neutral_alarms',
        'ravdess_uar',
        'emodb_uar',
        'noise10_drop',
        'ece',
    ):
        assert figures[name] == pytest.approx(entry.figures[name], abs=0.002)


@pytest.fixture(scope='module')
def voice() -> OnnxVoiceEmotion:
    return OnnxVoiceEmotion(find_model('voice'))


@pytest.fixture(scope='module')
def angry() -> FloatArray:
    """An angry actor, who was in training."""
    folder = data_folder('ravdess')
    clip = next(clip for clip in read_ravdess(folder.parent) if LABELS[clip.label] == 'anger')
    return CONDITIONS['clean'].apply(read_audio(clip.path), clip.name, ())


def test_an_angry_actor_sounds_angry_and_aroused(
    voice: OnnxVoiceEmotion, angry: FloatArray
) -> None:
    emotion = voice.estimate(as_utterance(angry)).emotion
    assert emotion.label == 'anger'
    assert emotion.arousal > 0.3


def test_clipped_speech_still_sounds_aroused(voice: OnnxVoiceEmotion, angry: FloatArray) -> None:
    limit = 0.3 * np.abs(angry).max()
    emotion = voice.estimate(as_utterance(np.clip(angry, -limit, limit))).emotion
    assert emotion.available
    assert emotion.arousal > 0


@pytest.fixture(scope='module')
def sounds() -> list[NonSpeechSound]:
    """Sounds without speech, which take a while to make."""
    return list(non_speech_sounds())


def test_an_unreliable_voice_estimate_is_flat(
    voice: OnnxVoiceEmotion, sounds: list[NonSpeechSound]
) -> None:
    for sound in sounds[::7]:
        if len(sound.samples) > SAMPLE_RATE:
            answer = voice.run(sound.samples)
            reliability = answer.reliability
            assert answer.scores.max() <= reliability + (1 - reliability) / len(LABELS) + 1e-5
            assert abs(answer.valence) <= reliability + 1e-5, 'arousal is kept'


def test_non_speech_sounds_cause_few_false_alarms(
    voice: OnnxVoiceEmotion, sounds: list[NonSpeechSound]
) -> None:
    assert false_alarm_figures(voice, sounds)['rate'] <= 0.05


@pytest.mark.parametrize(
    ('clip', 'words'),
    [
        ('03-01-02-01-01-01-23', 'kids are talking by the door'),
        ('03-01-02-01-02-01-23', 'dogs are sitting by the door'),
    ],
)
def test_pocketsphinx_understands_calm_people(clip: str, words: str) -> None:
    samples = read_audio(data_folder('ravdess') / f'{clip}.flac')
    transcript = feed(PocketsphinxTranscriber().stream(), samples[SAMPLE_RATE // 2 :])
    assert common_words(words_of(words), words_of(transcript.text)) >= 4


@pytest.fixture(scope='module')
def whisper(whisper_base: Path) -> WhisperTranscriber:
    return WhisperTranscriber(str(whisper_base))


@pytest.mark.parametrize('kind', ['hum', 'knocks', 'music'])
def test_whisper_finds_no_words_in_noise(kind: str, whisper: WhisperTranscriber) -> None:
    for sound in noises(kind, 2, np.random.default_rng(3)):
        assert feed(whisper.stream(), sound).reason is Reason.NO_SPEECH_RECOGNISED


def test_the_prosody_of_actors_is_that_of_men_and_women_who_say_seven_syllables() -> None:
    counts: list[float] = []
    women: list[float] = []
    men: list[float] = []
    for clip in read_ravdess(data_folder('ravdess').parent)[::25]:
        samples = read_audio(clip.path)
        sounds = find_speech(samples)
        speech = samples[sounds[0][0] : sounds[-1][1]]
        found = measure_prosody(speech)
        assert found is not None
        counts.append((found.rate or 0) * len(speech) / SAMPLE_RATE)
        if found.pitch_hz is not None:
            (women if clip.female else men).append(found.pitch_hz)
    assert np.mean(counts) == pytest.approx(7, abs=0.7)
    assert 100 < np.median(men) < 190 < np.median(women) < 300


def test_people_who_talk_without_expression_have_neutral_faces() -> None:
    talker = read_talkers(data_folder('grid'))[-1]
    vision = FaceVision(FaceTracker(FaceConfig(), finder()))
    for stamp_ns, image in zip(talker.stamps_ns[:50], talker.images[:50], strict=True):
        vision.update(VideoFrame(stamp_ns, lambda image=image: image))  # type: ignore[misc]
    start_ns, _ = talker.speech
    spoken = Utterance(
        'u1',
        start_ns,
        2 * SECOND,
        2 * SECOND,
        talker.samples,
        0,
        EndReason.SILENCE,
        ClockSource.FILE,
    )
    estimate = vision.estimate(spoken)
    intensity = {cue.action_unit: cue.intensity for cue in estimate.emotion.facial_cues}
    assert max(intensity[25], intensity[26]) > 0.4
    for label in EXPRESSIVE:
        assert check(label, estimate.emotion.facial_cues).result == 'neutral_face'
    assert check('neutral', estimate.emotion.facial_cues).result == 'shown'
    assert len(estimate.peaks) == len(LABELS)
    for peak in estimate.peaks:
        assert peak.stamp_ns in talker.stamps_ns
        assert start_ns <= peak.stamp_ns <= spoken.end_ns
        assert Box(0, 0, 360, 288).intersection(peak.box).area > 0.9 * peak.box.area > 0
