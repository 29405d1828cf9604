"""The voice activity detectors on acted speech at known places, and how they are measured."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import STAMP, chunks, sound, utterances

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.sounds import NOISES, make_noise
from emotion_lab.data.speech import find_speech
from emotion_lab.evaluation import vad as evaluation
from emotion_lab.evaluation.mixtures import Clip, Mixture, make_mixture, read_clips
from emotion_lab.evaluation.scoring import Score, score
from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.backends.vad_silero import SileroVad
from emotion_node.backends.vad_webrtc import WebrtcVad
from emotion_node.config import Config
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    FloatArray,
    SpeechEvent,
    Utterance,
)
from emotion_node.interfaces import Vad

DETECTORS: tuple[Vad, ...] = (SileroVad(), *(WebrtcVad(mode) for mode in range(4)))


@pytest.fixture(scope='session')
def clips() -> list[Clip]:
    """Acted speech of one man and one woman."""
    try:
        folder = data_root() / 'ravdess'
        return read_clips(folder, range(23, 25), 12, np.random.default_rng(5))
    except DatasetError as error:
        pytest.skip(str(error))


def mixture(clips: list[Clip], noise: str = 'silence', snr_db: float | None = None) -> Mixture:
    babble = [clip.samples for clip in clips]
    return make_mixture(clips, noise, snr_db, 30.0, babble, np.random.default_rng(6))


def find_utterances(vad: Vad, samples: FloatArray) -> list[Utterance]:
    config = Config()
    hearing = Hearing(config.audio, config.segmenter, 0.3, vad, SoxrResampler)
    events: list[SpeechEvent] = [
        event for chunk in chunks(samples) for event in hearing.push(chunk)
    ]
    return utterances(events + hearing.flush())


def measure(vad: Vad, sounds: Mixture) -> Score:
    found = find_utterances(vad, sounds.samples)
    return score(
        [(start * NS_PER_SAMPLE, end * NS_PER_SAMPLE) for start, end in sounds.truth],
        [(u.start_ns - STAMP, u.end_ns - STAMP) for u in found],
        [u.decided_ns - STAMP for u in found],
        len(sounds.samples) * NS_PER_SAMPLE,
    )


@pytest.mark.parametrize('vad', DETECTORS[:-1], ids=lambda vad: vad.name)
def test_every_utterance_in_silence_is_found_where_it_is(vad: Vad, clips: list[Clip]) -> None:
    figures = measure(vad, mixture(clips))
    assert figures.true >= 5
    assert (figures.missed, figures.false, figures.merged) == (0, 0, 0)
    assert figures.frame_errors / figures.frames < 0.05
    assert abs(np.median(figures.start_errors_ns)) < 0.05 * NS_PER_S
    assert abs(np.median(figures.end_errors_ns)) < 0.12 * NS_PER_S


@pytest.mark.parametrize('noise', ['hum', 'pink', 'knocks', 'music'])
def test_silero_finds_speech_in_noise_and_none_in_the_noise(noise: str, clips: list[Clip]) -> None:
    figures = measure(DETECTORS[0], mixture(clips, noise, 10.0))
    assert (figures.missed, figures.false, figures.merged) == (0, 0, 0)
    assert figures.frame_errors / figures.frames < 0.1


@pytest.mark.parametrize('noise', [noise for noise in NOISES if noise != 'babble'])
def test_silero_finds_no_speech_in_noise_alone(noise: str) -> None:
    samples = make_noise(noise, 10 * SAMPLE_RATE, [], np.random.default_rng(2))
    assert (
        find_utterances(DETECTORS[0], (samples * 0.01 / np.std(samples)).astype(np.float32)) == []
    )


def test_the_truth_of_a_clip_is_its_speech_without_breath_and_clicks() -> None:
    samples = sound(
        (0.5, 1e-4), (0.2, 0.01), (0.3, 1e-4), (1.0, 0.2), (0.2, 1e-4), (0.5, 0.1), (0.3, 1e-4)
    )
    samples[round(2.9 * SAMPLE_RATE) :][:100] = 0.5
    edges = [edge / SAMPLE_RATE for span in find_speech(samples) for edge in span]
    assert edges == pytest.approx([1.0, 2.0, 2.2, 2.7], abs=0.011)


def test_a_mixture_has_the_ratio_it_says() -> None:
    speech = sound((1.0, 0.1))
    clip = Clip(speech, 0, len(speech), float(np.sqrt(np.mean(speech**2))))
    mixed = make_mixture([clip], 'white', 5.0, 10.0, [], np.random.default_rng(3))
    ((start, end),) = mixed.truth
    noise = np.mean(mixed.samples[:start] ** 2)
    both = np.mean(mixed.samples[start:end] ** 2)
    assert 10 * np.log10(both / noise - 1) == pytest.approx(5.0, abs=0.3)


def test_scores_count_what_is_missed_false_split_and_merged() -> None:
    def spans(*edges: float) -> list[tuple[int, int]]:
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(round(start * NS_PER_S), round(end * NS_PER_S)) for start, end in pairs]

    truth = spans(1, 2, 3, 4, 5, 7, 8, 9, 9.5, 10, 13, 14)
    found = spans(1.1, 2.2, 5, 5.8, 6.2, 7, 8, 10, 11, 12, 13, 14)
    result = score(truth, found, [end + NS_PER_S // 2 for _, end in found], 20 * NS_PER_S)
    counts = (result.true, result.missed, result.false, result.split, result.merged)
    assert counts == (6, 1, 1, 1, 1)
    assert result.frame_errors == 10 + 20 + 100 + 40 + 50 + 100
    figures = result.as_dict()
    assert figures['start_error_ms_median'] == pytest.approx(50)
    assert figures['end_error_ms_median'] == pytest.approx(100)
    assert score([], [], [], NS_PER_S).as_dict()['endpointing_ms_p95'] is None


def test_the_table_has_a_row_per_detector_and_condition(clips: list[Clip]) -> None:
    mixtures = [mixture(clips), mixture(clips, 'hum', 20.0)]
    figures = [evaluation.detector_figures(vad, mixtures) for vad in DETECTORS[:2]]
    rows = evaluation.markdown(figures, 'conditions').splitlines()[2:]
    assert [row.split(' | ')[:2] for row in rows] == [
        ['| silero', 'silence'],
        ['| silero', '20 dB'],
        ['| webrtc 0', 'silence'],
        ['| webrtc 0', '20 dB'],
    ]
