"""Whisper with random weights, run as with trained ones: what is made of its output.

Trained weights are tested in test_whisper_trained.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper.transcribe import Segment
from hypothesis import given
from hypothesis import strategies as st
from support import whisper_tiny
from support.speech import feed, noise, silence, tone

from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.hallucinations import evidence, hallucinated
from emotion_node.backends.whisper_confidence import confidence
from emotion_node.backends.whisper_pass import (
    FINAL_BEAMS,
    LOOP_BEAMS,
    EncodedSilence,
    WhisperPass,
)
from emotion_node.datatypes import SAMPLE_RATE, FloatArray, Reason, Transcript
from emotion_node.errors import ModelError, PassAbandoned


@pytest.fixture(scope='module')
def babble(tiny_whisper: Callable[..., Path]) -> WhisperTranscriber:
    return WhisperTranscriber(str(tiny_whisper('babble')), threads=1)


def test_whisper_returns_words_with_a_confidence(babble: WhisperTranscriber) -> None:
    stream = babble.stream()
    transcript = feed(stream, noise(2.0))
    assert len(transcript.text.split()) >= 3
    assert 0.0 < transcript.confidence <= 1.0
    assert (transcript.final, transcript.locale, transcript.reason) == (True, 'en', Reason.NONE)
    assert feed(stream, tone(2.0)).text != transcript.text, 'the audio makes no difference'


def test_peek_final_is_what_whisper_returns_at_the_end(babble: WhisperTranscriber) -> None:
    stream = babble.stream()
    stream.accept(noise(1.0))
    early = stream.peek_final()
    stream.accept(tone(1.0))
    peeked = stream.peek_final()
    assert peeked.final
    assert peeked != early
    assert stream.finish() is peeked
    whole = feed(babble.stream(), np.concatenate([noise(1.0), tone(1.0)]))
    assert whole == peeked
    assert stream.finish().text == ''


def test_whisper_runs_in_eight_bit(
    babble: WhisperTranscriber, tiny_whisper: Callable[..., Path]
) -> None:
    assert babble.info.version.startswith('int8')
    weights = (tiny_whisper('babble') / 'model.bin').stat().st_size
    vocabulary = len(json.loads((tiny_whisper('babble') / 'vocabulary.json').read_text()))
    assert weights < 1.5 * 2 * vocabulary * whisper_tiny.WIDTH, 'about a byte per weight'


def test_whisper_does_not_depend_on_the_chunks(
    babble: WhisperTranscriber,
) -> None:
    stream = babble.stream()
    whole = feed(stream, noise(2.0))
    assert feed(stream, noise(2.0), [1, 0, 511, 7000]) == whole


def test_whisper_returns_the_words_so_far_during_an_utterance(
    babble: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    transcribe = babble.transcribe

    def counting(samples: FloatArray, *rest: Any) -> Transcript:
        runs.append(len(samples))
        return transcribe(samples, *rest)

    monkeypatch.setattr(babble, 'transcribe', counting)
    stream = babble.stream()
    assert stream.partial().reason is Reason.NO_SPEECH_RECOGNISED
    stream.accept(noise(1.2))
    partial = stream.partial()
    assert partial.text
    assert not partial.final
    runs.clear()
    assert stream.partial() == partial
    assert not runs, 'there was no new audio'
    stream.accept(noise(0.4, seed=1))
    stream.partial()
    assert len(runs) == 1
    assert stream.finish() == feed(
        babble.stream(), np.concatenate([noise(1.2), noise(0.4, seed=1)])
    )


def test_whisper_forgets_on_reset(babble: WhisperTranscriber) -> None:
    stream = babble.stream()
    stream.accept(noise(1.0, seed=5))
    stream.reset()
    assert feed(stream, noise(1.0)) == feed(babble.stream(), noise(1.0))
    stream.reset()
    assert stream.finish().reason is Reason.NO_SPEECH_RECOGNISED


def test_two_microphones_share_one_whisper(babble: WhisperTranscriber) -> None:
    left, right = babble.stream(), babble.stream()
    left.accept(noise(1.0))
    right.accept(noise(1.0, seed=1))
    assert left.finish() == feed(babble.stream(), noise(1.0))
    assert right.finish() == feed(babble.stream(), noise(1.0, seed=1))


@pytest.mark.parametrize('samples', [silence(0), silence(0.05), silence(2.0), noise(0.05)])
def test_whisper_does_not_run_on_silence(babble: WhisperTranscriber, samples: FloatArray) -> None:
    assert feed(babble.stream(), samples) == Transcript(
        '', 0.0, 'en', reason=Reason.NO_SPEECH_RECOGNISED
    )


def test_audio_that_whisper_itself_takes_for_silence_has_no_words(
    tiny_whisper: Callable[..., Path],
) -> None:
    stream = WhisperTranscriber(str(tiny_whisper('nobody')), threads=1).stream()
    assert feed(stream, noise(1.0)).reason is Reason.NO_SPEECH_RECOGNISED


def test_a_clear_thank_you_is_kept_and_a_mumbled_one_is_not(
    tiny_whisper: Callable[..., Path],
) -> None:
    clear = feed(WhisperTranscriber(str(tiny_whisper('thanks')), threads=1).stream(), noise(1.0))
    assert clear.text == 'Thank you'
    assert clear.confidence > 0.9
    mumbled = WhisperTranscriber(str(tiny_whisper('mumbled-thanks')), threads=1)
    (raw,), _ = mumbled.model.transcribe(
        noise(1.0), language='en', temperature=0.0, without_timestamps=True, max_new_tokens=5
    )
    assert raw.text.startswith(' Thank you')
    assert feed(mumbled.stream(), noise(1.0)).reason is Reason.NO_SPEECH_RECOGNISED


def test_whisper_in_a_loop_gives_no_words(tiny_whisper: Callable[..., Path]) -> None:
    looping = WhisperTranscriber(str(tiny_whisper('loop')), threads=1)
    (raw, *_), _ = looping.model.transcribe(
        noise(3.0), language='en', temperature=0.0, without_timestamps=True
    )
    assert raw.text.startswith(' over and over and over and')
    assert feed(looping.stream(), noise(3.0)).reason is Reason.NO_SPEECH_RECOGNISED


def test_a_loop_is_searched_once_more_and_more_widely(
    tiny_whisper: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    looping = WhisperTranscriber(str(tiny_whisper('loop')), threads=1)
    searches: list[int] = []
    search = WhisperPass._search

    def note(self: WhisperPass, code: str, task: str, beams: int) -> list[Segment]:
        searches.append(beams)
        return search(self, code, task, beams)

    monkeypatch.setattr(WhisperPass, '_search', note)
    looping.transcribe(noise(3.0), final=True)
    assert searches == [FINAL_BEAMS, LOOP_BEAMS]
    searches.clear()
    looping.transcribe(noise(3.0), final=False)
    assert searches == [1], 'words so far are not worth a second search'
    searches.clear()
    wanted = iter((True, False))
    with pytest.raises(PassAbandoned):
        looping.transcribe(noise(3.0), final=True, wanted=lambda: next(wanted))
    assert searches == [FINAL_BEAMS], 'nor are words that nobody waits for any more'


def test_whisper_detects_the_language_if_none_is_given(tiny_whisper: Callable[..., Path]) -> None:
    transcriber = WhisperTranscriber(str(tiny_whisper('babble')), language='', threads=1)
    # The window, filled with silence.
    _, about = transcriber.model.transcribe(np.pad(noise(1.0), (0, 14 * SAMPLE_RATE)))
    transcript = feed(transcriber.stream(), noise(1.0))
    assert transcript.locale == about.language
    assert transcript.text


def test_languages_are_bcp_47_tags(tiny_whisper: Callable[..., Path]) -> None:
    for tag, locale in (('nl-BE', 'nl'), ('PT_br', 'pt'), ('jv', 'jv')):
        transcriber = WhisperTranscriber(str(tiny_whisper('babble')), language=tag, threads=1)
        assert feed(transcriber.stream(), noise(0.5)).locale == locale
    with pytest.raises(ModelError, match="does not know language 'tlh'"):
        WhisperTranscriber(str(tiny_whisper('babble')), language='tlh', threads=1)


def test_an_english_whisper_knows_english_only(tiny_whisper: Callable[..., Path]) -> None:
    folder = str(tiny_whisper('english'))
    assert WhisperTranscriber(folder, language='', threads=1).transcribe(noise(1.0), True).text
    with pytest.raises(ModelError, match="does not know language 'de'; it knows: en"):
        WhisperTranscriber(folder, language='de', threads=1)


def segment(text: str, **changes: Any) -> Segment:
    clear = Segment(
        id=1,
        seek=0,
        start=0.0,
        end=2.0,
        text=text,
        tokens=[1, 2, 3],
        avg_logprob=-0.2,
        compression_ratio=1.0,
        no_speech_prob=0.02,
        words=None,
        temperature=0.0,
    )
    return dataclasses.replace(clear, **changes)


UNSURE = {'avg_logprob': -1.0, 'no_speech_prob': 0.3}


@pytest.mark.parametrize(
    'text',
    [
        ' Thank you.',
        ' You',
        ' Bye-bye!',
        ' Thanks for watching!',
        ' Thank you so much for watching.',
        " Please don't forget to like and subscribe to my channel.",
        ' Please subscribe.',
        " I'll see you in the next video.",
        ' Subtitles by the Amara.org community',
        ' Untertitel der Amara.org-Community',
        ' Untertitel im Auftrag des ZDF, 2021',
        " Sous-titrage ST' 501",
        ' Sottotitoli creati dalla comunità Amara.org',
        ' Subtítulos realizados por la comunidad de Amara.org',
        ' No no no no',
        ' I love it. I love it. I love it.',
    ],
)
def test_a_stock_phrase_needs_evidence(text: str) -> None:
    assert hallucinated(segment(text, **UNSURE), seconds=3.0)
    assert not hallucinated(segment(text), seconds=3.0)


@pytest.mark.parametrize(
    'text',
    [
        ' Thank you for watching my cat while I was away.',
        ' You are so kind.',
        ' I watch films with subtitles.',
        ' I want to subscribe to a newspaper.',
        ' No, no, you are right.',
        ' Ondanks alles ben ik blij.',
    ],
)
def test_other_sentences_are_kept_with_less_evidence(text: str) -> None:
    assert not hallucinated(segment(text, **UNSURE), seconds=3.0)


@pytest.mark.parametrize(
    'text', [' Ah!', ' Ha ha ha!', ' Hmm.', ' Ugh, ugh!', ' AAAAAH!', ' Woohoo!', ' Huh?']
)
def test_what_people_utter_without_words_has_to_be_very_clear(text: str) -> None:
    assert hallucinated(segment(text, avg_logprob=-0.5), seconds=3.0)
    assert not hallucinated(segment(text, avg_logprob=-0.1), seconds=3.0)
    assert not hallucinated(segment(f'{text} He is a hero.', avg_logprob=-0.5), seconds=3.0)


@pytest.mark.parametrize('text', [' ♪♪', ' [Music]', ' (applause)', ' *laughs*', ' ...', ''])
def test_notes_of_captions_are_not_words(text: str) -> None:
    assert hallucinated(segment(text), seconds=3.0)


@pytest.mark.parametrize(
    ('changes', 'seconds'),
    [
        ({'avg_logprob': -2.5}, 3.0),
        ({'avg_logprob': -1.2, 'no_speech_prob': 0.7}, 3.0),
        ({'compression_ratio': 2.6}, 3.0),
        ({}, 0.6),
    ],
    ids=['guesses', 'silence', 'repetition', 'too fast for a person'],
)
def test_words_without_evidence_are_hallucinations(
    changes: dict[str, float], seconds: float
) -> None:
    text = ' We went to the market to'
    assert hallucinated(segment(text, **changes), seconds)
    assert not hallucinated(segment(text), 1.5)


def test_evidence_is_a_probability() -> None:
    assert evidence(segment('a', avg_logprob=0.0, no_speech_prob=0.0)) == 1.0
    assert evidence(segment('a', avg_logprob=-1.0, no_speech_prob=0.5)) == pytest.approx(
        0.184, abs=0.001
    )


def test_confidence_weighs_segments_by_their_tokens() -> None:
    long = segment('a long one', tokens=list(range(9)), avg_logprob=-0.1)
    short = segment('short', tokens=[1], avg_logprob=-2.0)
    both = confidence([long, short])
    assert confidence([short]) < both < confidence([long])
    assert confidence([long]) - both < both - confidence([short])


@given(st.floats(-3.0, 0.0), st.floats(-3.0, 0.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_likelier_tokens_and_surer_speech_give_more_confidence(
    one: float, other: float, silence: float, noise_of: float
) -> None:
    low, high = sorted((one, other))
    less, more = sorted((silence, noise_of))
    assert 0.0 < confidence([segment('a', avg_logprob=low, no_speech_prob=more)]) < 1.0
    assert confidence([segment('a', avg_logprob=low, no_speech_prob=more)]) <= confidence(
        [segment('a', avg_logprob=high, no_speech_prob=less)]
    )


def test_a_folder_that_is_no_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'model\.bin, config\.json, tokenizer\.json missing'):
        WhisperTranscriber(str(tmp_path))
    with pytest.raises(ModelError, match=r'there is no folder .*nowhere.*To use Whisper'):
        WhisperTranscriber(str(tmp_path / 'nowhere'))


@pytest.mark.parametrize('name', ['model.bin', 'config.json', 'tokenizer.json'])
def test_a_damaged_model_is_an_error_that_names_the_folder(
    name: str, tiny_whisper: Callable[..., Path], tmp_path: Path
) -> None:
    for file in tiny_whisper('english').iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data[: len(data) // 2] if file.name == name else data)
    with pytest.raises(ModelError, match=f'{tmp_path} cannot be used'):
        WhisperTranscriber(str(tmp_path), threads=1)


def test_an_unknown_compute_type_is_an_error(tiny_whisper: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match='compute type int3'):
        WhisperTranscriber(str(tiny_whisper('english')), compute_type='int3')


def test_a_model_that_was_never_fetched_is_not_fetched(no_hub: Path) -> None:
    for name in ('base', 'nobody/no-such-whisper', 'no such size'):
        with pytest.raises(ModelError, match=r'Hugging Face cache.*whisper_local_files_only'):
            WhisperTranscriber(name)


def test_the_encoder_gets_less_than_the_window_and_the_decoder_all_of_it(
    babble: WhisperTranscriber,
) -> None:
    silence = EncodedSilence(babble.model, 15.0)
    assert silence.encoded_s == 10.0
    encoded = babble.model.encode(np.zeros((80, 1000), np.float32))
    followed = np.array(silence.follow(encoded))
    assert followed.shape[1] == 750
    np.testing.assert_array_equal(followed[:, :500], np.array(encoded))
    whole = EncodedSilence(babble.model, 30.0)
    assert whole.encoded_s == 30.0
    assert whole.follow(encoded) is encoded
