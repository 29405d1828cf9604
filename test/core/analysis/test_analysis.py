"""From the speech events of an utterance to its reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from support.scripted import (
    SECOND,
    ScriptedText,
    ScriptedTranscriber,
    ScriptedVision,
    ScriptedVoice,
    events,
    scripted_analysis,
    utterance,
)

from emotion_node.config import Config, make_config
from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.analysis.load import Load
from emotion_node.datatypes import (
    EmotionReport,
    EndReason,
    Reason,
    Report,
    SpeechDropped,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    Transcript,
    TranscriptReport,
    Trigger,
)

CALM = make_config({'interim.period': 0.4})


def make_analysis(
    *lines: str,
    config: Config | None = None,
    text: ScriptedText | None = None,
    voice: ScriptedVoice | None = None,
    vision: ScriptedVision | None = None,
    transcriber: ScriptedTranscriber | None = None,
    faults: list[str] | None = None,
) -> Analysis:
    return scripted_analysis(
        config or CALM,
        transcriber or (ScriptedTranscriber(list(lines)) if lines else None),
        text or ScriptedText(),
        voice,
        vision,
        None if faults is None else lambda stage, error: faults.append(f'{stage}: {error}'),
    )


def run(
    analysis: Analysis, happenings: Iterable[SpeechEvent], load: Load = Load.NORMAL
) -> list[Report]:
    return [report for event in happenings for report in analysis.handle(event, load)]


def finals(reports: Iterable[Report]) -> list[EmotionReport]:
    return [
        one for one in reports if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
    ]


def interims(reports: Iterable[Report]) -> list[EmotionReport]:
    return [
        one for one in reports if isinstance(one, EmotionReport) and one.trigger is Trigger.INTERIM
    ]


def test_an_utterance_becomes_one_emotion_with_its_words() -> None:
    spoken = utterance()
    (emotion,) = finals(run(make_analysis('I am so happy'), events(spoken)))
    assert emotion.fused.label == 'joy'
    assert emotion.transcript.text == 'I am so happy'
    assert (emotion.start_ns, emotion.end_ns) == (spoken.start_ns, spoken.end_ns)
    assert emotion.endpointing_ns == 400_000_000
    text, voice, face = emotion.fused.modalities
    assert text.available
    assert text.weight == 1.0
    assert (voice.reason, face.reason) == (Reason.MODEL_OFF, Reason.MODEL_OFF)
    assert voice.scores is None
    assert face.scores is None


def test_nothing_recognised_is_absent_and_not_neutral() -> None:
    (emotion,) = finals(run(make_analysis(''), events(utterance())))
    assert emotion.fused.label == ''
    assert emotion.fused.scores is None
    assert emotion.fused.text.reason is Reason.NO_SPEECH_RECOGNISED


def test_voice_and_face_take_part_when_there_are_models() -> None:
    voice, vision = ScriptedVoice(), ScriptedVision()
    analysis = make_analysis('good morning', voice=voice, vision=vision)
    spoken = utterance()
    (emotion,) = finals(run(analysis, events(spoken)))
    text, voice_emotion, face_emotion = emotion.fused.modalities
    assert text.weight > voice_emotion.weight > 0.0
    assert text.weight + voice_emotion.weight == pytest.approx(1.0)
    assert voice_emotion.label == 'anger'
    assert face_emotion.reason is Reason.NO_FACE
    assert voice.given[-1] == len(spoken.samples)


def test_a_voice_is_compared_with_what_was_heard_before() -> None:
    voice = ScriptedVoice()
    analysis = make_analysis('one', 'two', 'three', 'four', voice=voice)
    spoken = [utterance(n, start_s=5.0 * n) for n in (1, 2, 3)]
    levels = []
    for one in spoken:
        run(analysis, events(one))
        heard = voice.heard[-1]
        levels.append(None if heard is None else (heard.count, heard.mean.tolist()))
    means = [voice.level(one) for one in spoken]
    assert levels == [
        None,
        (1, [pytest.approx(means[0])]),
        (2, [pytest.approx((means[0] + means[1]) / 2)]),
    ]
    analysis.reset()
    run(analysis, events(utterance(4, start_s=25.0)))
    assert voice.heard[-1] is None


def test_interim_estimates_come_at_a_fixed_period_from_more_and_more_audio() -> None:
    voice = ScriptedVoice()
    analysis = make_analysis('well I am so very happy today', voice=voice)
    spoken = utterance(start_s=5.0, length_s=3.0)
    during = interims(run(analysis, events(spoken)))
    stamps = [one.end_ns - spoken.start_ns for one in during]
    assert stamps == [round(k * 0.4 * SECOND) for k in range(1, 8)]
    assert voice.given == sorted(voice.given)
    texts = [one.transcript.text for one in during]
    assert texts == sorted(texts, key=len)
    assert all(not one.transcript.final for one in during)


def test_interim_words_that_have_not_changed_are_not_estimated_again() -> None:
    text = ScriptedText()
    analysis = make_analysis('yes', text=text)
    during = interims(run(analysis, events(utterance(length_s=4.0))))
    assert len(during) == 10
    assert [asked for asked, _ in text.asked] == ['yes']


def test_the_models_see_the_dialogue_before_the_utterance_only() -> None:
    text = ScriptedText()
    analysis = make_analysis('hello there', 'I am happy', text=text)
    run(analysis, events(utterance(1, start_s=1.0, length_s=0.3)))
    run(analysis, events(utterance(2, start_s=3.0, length_s=0.3)))
    assert text.asked == [('hello there', ()), ('I am happy', ('hello there',))]
    analysis.reset()
    assert isinstance(analysis.text.model, ScriptedText)


def test_a_monologue_cut_at_its_quietest_point_is_transcribed_up_to_the_cut() -> None:
    transcriber = ScriptedTranscriber(['one two'])
    analysis = make_analysis(transcriber=transcriber)
    happenings = list(events(utterance(end_reason=EndReason.MAX_LENGTH)))
    run(analysis, happenings[:-1])
    before = transcriber.resets
    run(analysis, happenings[-1:])
    assert transcriber.resets == before + 1


def test_a_broken_recogniser_takes_out_the_words_and_nothing_else() -> None:
    faults: list[str] = []
    transcriber = ScriptedTranscriber(['never said'], fail_at='accept')
    analysis = make_analysis(transcriber=transcriber, voice=ScriptedVoice(), faults=faults)
    (emotion,) = finals(run(analysis, events(utterance())))
    text, voice, _ = emotion.fused.modalities
    assert text.reason is Reason.ERROR
    assert voice.available
    assert emotion.fused.label == 'anger'
    assert text.detail == 'the recogniser broke'
    assert faults == ['transcription: the recogniser broke']
    assert analysis.counters['faults_transcription'] == 1


def test_an_interim_estimate_says_why_there_are_no_words() -> None:
    transcriber = ScriptedTranscriber(['never said'])
    analysis = make_analysis(transcriber=transcriber)
    happenings = list(events(utterance(length_s=2.0)))
    first = interims(run(analysis, happenings[:6]))
    transcriber.fail_at = 'accept'
    later = interims(run(analysis, happenings[6:]))
    assert first[0].fused.text.reason is Reason.NO_SPEECH_RECOGNISED
    assert {one.fused.text.reason for one in later} == {Reason.ERROR}


def test_a_broken_voice_model_takes_out_the_voice_for_that_utterance() -> None:
    faults: list[str] = []
    voice = ScriptedVoice(broken=True)
    config = make_config({'interim.enabled': False})
    analysis = make_analysis('so happy', 'so happy', config=config, voice=voice, faults=faults)
    (first,) = finals(run(analysis, events(utterance(1))))
    assert first.fused.voice.reason is Reason.ERROR
    assert first.fused.voice.detail == 'the voice model broke'
    assert first.fused.label == 'joy'
    voice.broken = False
    (second,) = finals(run(analysis, events(utterance(2, start_s=4.0))))
    assert second.fused.voice.available
    assert faults == ['voice emotion: the voice model broke']


def test_under_load_interims_go_first_then_words_and_utterances_never() -> None:
    analysis = make_analysis('so happy', 'so happy')
    reports = run(analysis, events(utterance(1)), Load.NO_INTERIM)
    assert not interims(reports)
    assert finals(reports)[0].fused.label == 'joy'
    reports = run(analysis, events(utterance(2, start_s=4.0)), Load.NO_TRANSCRIPT)
    (emotion,) = finals(reports)
    assert emotion.fused.text.reason is Reason.TIMEOUT
    assert analysis.counters['transcripts_dropped'] == 1


def test_words_recognised_too_poorly_are_published_but_not_used() -> None:
    config = make_config({'transcriber.min_confidence': 0.95})
    (emotion,) = finals(run(make_analysis('so happy', config=config), events(utterance())))
    assert emotion.transcript.text == 'so happy'
    assert emotion.fused.text.reason is Reason.LOW_CONFIDENCE


@pytest.mark.parametrize(
    ('locale', 'translation', 'read'),
    [
        ('en', '', 'so froh'),
        ('EN-us', '', 'so froh'),
        ('', '', 'so froh'),
        ('de', '', ''),
        ('de-AT', '', ''),
        ('de', 'so happy', 'so happy'),
    ],
)
def test_the_text_model_reads_the_words_in_a_language_that_it_knows(
    locale: str, translation: str, read: str
) -> None:
    text = ScriptedText()
    config = make_config({'transcriber.backend': 'topic'})
    analysis = make_analysis(config=config, text=text)
    for number in (1, 2):
        spoken = utterance(number, start_s=3.0 * number)
        run(analysis, events(spoken))
        said = Transcript('so froh', 0.9, locale, translation=translation)
        reports = analysis.take_transcript(TranscriptReport('', spoken.end_ns, said))
        (emotion,) = finals(reports)
        assert (emotion.transcript.text, emotion.transcript.locale) == ('so froh', locale)
    absent = emotion.fused.text
    if read:
        assert absent.available
        assert text.asked[-1] == (read, (read,))
    else:
        assert (absent.reason, absent.detail) == (Reason.LANGUAGE, locale)
        assert not text.asked


def test_a_model_that_lists_no_language_reads_all() -> None:
    text = ScriptedText(languages=())
    config = make_config({'transcriber.backend': 'topic'})
    analysis = make_analysis(config=config, text=text)
    spoken = utterance()
    run(analysis, events(spoken))
    said = TranscriptReport('', spoken.end_ns, Transcript('iloisesti', 0.9, 'fi'))
    assert finals(analysis.take_transcript(said))[0].fused.text.available


def test_without_a_recogniser_the_text_is_off() -> None:
    (emotion,) = finals(run(make_analysis(), events(utterance())))
    assert emotion.fused.text.reason is Reason.MODEL_OFF


def test_a_dropped_utterance_leaves_no_words_behind() -> None:
    transcriber = ScriptedTranscriber(['so happy'])
    analysis = make_analysis(transcriber=transcriber)
    first = list(events(utterance(1)))[:3]
    run(analysis, first)
    assert transcriber.accepted
    reports = analysis.handle(SpeechDropped('u1', 2 * SECOND, 2 * SECOND))
    assert [type(one) for one in reports] == [SpeechDropped]
    assert not transcriber.accepted


def test_audio_outside_an_utterance_is_an_error_of_the_caller() -> None:
    analysis = make_analysis('x')
    with pytest.raises(ValueError, match='u1'):
        run(analysis, list(events(utterance()))[1:])


class TestWordsFromTheRobotsOwnRecogniser:
    config = make_config({'transcriber.backend': 'topic', 'transcriber.topic_timeout': 1.0})

    def words(self, text: str, stamp_ns: int, utterance_id: str = '') -> TranscriptReport:
        return TranscriptReport(utterance_id, stamp_ns, Transcript(text, 1.0, 'en'))

    def test_words_that_come_after_the_utterance(self) -> None:
        analysis = make_analysis(config=self.config)
        spoken = utterance()
        assert not finals(run(analysis, events(spoken)))
        reports = analysis.take_transcript(self.words('so happy', spoken.end_ns))
        assert finals(reports)[0].fused.label == 'joy'

    def test_words_that_come_before_its_end_was_decided(self) -> None:
        analysis = make_analysis(config=self.config)
        spoken = utterance()
        happenings = list(events(spoken))
        run(analysis, happenings[:-1])
        analysis.take_transcript(self.words('so happy', spoken.end_ns))
        (emotion,) = finals(run(analysis, happenings[-1:]))
        assert emotion.transcript.text == 'so happy'

    def test_words_that_name_their_utterance(self) -> None:
        analysis = make_analysis(config=self.config)
        first, second = utterance(1), utterance(2, start_s=2.5)
        run(analysis, [*events(first), *events(second)])
        reports = analysis.take_transcript(self.words('so happy', second.end_ns, 'u2'))
        assert finals(reports)[0].utterance_id == 'u2'

    def test_words_that_never_come_are_absent_by_timeout(self) -> None:
        analysis = make_analysis(config=self.config)
        spoken = utterance()
        run(analysis, events(spoken))
        assert not analysis.tick(spoken.decided_ns + SECOND - 1)
        (emotion,) = finals(analysis.tick(spoken.decided_ns + SECOND))
        assert emotion.fused.text.reason is Reason.TIMEOUT
        assert analysis.counters['transcripts_timed_out'] == 1
        assert not analysis.flush()

    def test_words_that_its_recogniser_doubts_are_published_but_not_used(self) -> None:
        analysis = make_analysis(config=self.config)
        spoken = utterance()
        run(analysis, events(spoken))
        doubtful = Transcript('so happy', 0.9, 'en', reason=Reason.ERROR, detail='it was noisy')
        reports = analysis.take_transcript(TranscriptReport('u1', spoken.end_ns, doubtful))
        (emotion,) = finals(reports)
        assert emotion.transcript.text == 'so happy'
        text = emotion.fused.text
        assert (text.reason, text.detail) == (Reason.ERROR, 'it was noisy')

    def test_words_of_a_pause_are_estimated_before_its_end_is_decided(self) -> None:
        text = ScriptedText()
        analysis = make_analysis(config=self.config, text=text)
        spoken = utterance()
        *so_far, end = events(spoken)
        run(analysis, so_far)
        analysis.take_transcript(self.words('so happy', spoken.end_ns))
        run(analysis, [SpeechPaused(spoken)])
        assert [asked for asked, _ in text.asked] == ['so happy']
        (emotion,) = finals(run(analysis, [end]))
        assert emotion.fused.label == 'joy'
        assert len(text.asked) == 1

    def test_a_transcript_that_is_not_asked_for_is_counted(self) -> None:
        analysis = make_analysis('so happy')
        assert analysis.take_transcript(self.words('so sad', 0)) == []
        assert analysis.counters['transcripts_ignored'] == 1

    def test_old_words_are_not_taken_for_a_new_utterance(self) -> None:
        analysis = make_analysis(config=self.config)
        analysis.take_transcript(self.words('so happy', 0))
        assert not finals(run(analysis, events(utterance())))


def test_shifting_all_stamps_shifts_the_reports_and_changes_nothing_else() -> None:
    shift = 1_234_567_890_123_456_789

    def reports(offset: int) -> list[Report]:
        spoken = utterance(length_s=2.0)
        moved = dataclasses.replace(
            spoken,
            start_ns=spoken.start_ns + offset,
            end_ns=spoken.end_ns + offset,
            decided_ns=spoken.decided_ns + offset,
            samples_start_ns=spoken.samples_start_ns + offset,
        )
        return run(make_analysis('one two happy three'), events(moved))

    for plain, moved in zip(reports(0), reports(shift), strict=True):
        if isinstance(plain, EmotionReport):
            assert isinstance(moved, EmotionReport)
            assert moved.end_ns - plain.end_ns == shift
            assert moved.fused.label == plain.fused.label
            assert moved.transcript == plain.transcript
        elif isinstance(plain, SpeechStarted):
            assert isinstance(moved, SpeechStarted)
            assert moved.start_ns - plain.start_ns == shift


def test_of_a_text_of_any_length_the_model_gets_what_somebody_may_say() -> None:
    text = ScriptedText()
    config = make_config({'text.max_characters': 300})
    analysis = scripted_analysis(config, None, text)
    analysis.analyze_text('so ' * 3_000_000)
    assert [len(words) for words, _ in text.asked] == [300]
