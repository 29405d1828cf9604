"""The node on real topics: somebody speaks, and the robot calls the services."""

from __future__ import annotations

import json
import re
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger
from support.active_node import CHUNK, WORDS, Bench, listening_node
from support.robot import (
    NS_PER_S,
    RATE,
    Samples,
    activate,
    conversation,
)

from emotion_msgs.msg import Emotion, SpeechActivity, Transcript
from emotion_msgs.srv import AnalyzeText, GetReaction, GetSpeakerState
from emotion_node import datatypes
from emotion_node.interfaces import Turn
from emotion_node.labels import LABELS
from emotion_node.messages.stamps import stamp_to_ns

ODD_CHUNK = 500  # 31.25 ms: no whole number of any detector's frames


@pytest.fixture(scope='module')
def speech() -> Samples:
    """The first sentence of the demo recording, 2.3 s, with room noise before and after it."""
    return conversation()[: 4 * RATE]


@pytest.fixture(scope='module')
def bench() -> Iterator[Bench]:
    with listening_node() as one:
        yield one


def test_somebody_says_a_sentence(bench: Bench, speech: Samples) -> None:
    start_ns = bench.new_day()
    emotion = bench.emotion(speech, start_ns, ODD_CHUNK)

    assert emotion.trigger == Emotion.FINAL
    assert emotion.text.endswith(WORDS)
    assert emotion.end_reason == Emotion.END_REASON_SILENCE
    assert emotion.clock_source == Emotion.CLOCK_HEADER
    assert emotion.label == max(emotion.scores, key=lambda one: one.score).label
    assert [one.label for one in emotion.scores] == list(LABELS)
    assert sum(one.score for one in emotion.scores) == pytest.approx(1.0, abs=1e-5)
    assert [(one.modality, one.available, one.reason) for one in emotion.modalities] == [
        ('text', True, ''),
        ('voice', True, ''),
        ('face', False, 'no_image'),
    ]
    # Stamps are derived from those of the audio, never from the clock.
    assert emotion.header.stamp == emotion.end
    assert emotion.header.frame_id == 'microphone'
    speech_end_ns = start_ns + 3_305_000_000
    assert abs(stamp_to_ns(emotion.start) - start_ns - NS_PER_S) < NS_PER_S // 5
    assert abs(stamp_to_ns(emotion.end) - speech_end_ns) < NS_PER_S // 5
    # Such old stamps are no measure of latency; what is known is.
    assert 0.3 < emotion.endpointing_latency < 0.7
    assert emotion.endpointing_latency <= emotion.total_latency < 10.0


def test_interim_estimates_come_while_somebody_speaks(bench: Bench, speech: Samples) -> None:
    before = {topic: len(bench.robot.inbox[topic]) for topic in ('emotion/interim', 'transcript')}
    emotion = bench.emotion(speech, bench.new_day())
    interim = bench.robot.inbox['emotion/interim'][before['emotion/interim'] :]
    assert len(interim) >= 2
    assert {one.utterance_id for one in interim} == {emotion.utterance_id}
    assert all(one.trigger == Emotion.INTERIM and not one.end_reason for one in interim)
    ends = [stamp_to_ns(one.end) for one in interim]
    assert ends == sorted(ends)
    assert ends[0] - stamp_to_ns(emotion.start) <= NS_PER_S
    transcript = bench.next('transcript', before['transcript'])
    assert (transcript.text, transcript.final) == (emotion.text, True)


def test_speech_activity_marks_start_and_end_of_the_utterance(
    bench: Bench, speech: Samples
) -> None:
    emotion = bench.emotion(speech, bench.new_day())
    inbox = bench.robot.inbox['speech_activity']

    def both() -> list[SpeechActivity]:
        activity = [one for one in inbox if one.utterance_id == emotion.utterance_id]
        return activity if len(activity) == 2 else []

    started, ended = bench.robot.until(both, 'start and end of speech')
    assert (started.state, started.header.stamp) == (SpeechActivity.STARTED, emotion.start)
    assert (ended.state, ended.header.stamp) == (SpeechActivity.ENDED, emotion.end)


def test_the_node_ignores_the_voice_of_the_robot(bench: Bench, speech: Samples) -> None:
    start_ns = bench.new_day()
    bench.play(speech[:CHUNK], start_ns)
    bench.robot.publisher(Bool, 'robot_speaking').publish(Bool(data=True))
    bench.robot.until(lambda: bench.node.state.robot_speaking, 'the robot speaks')
    before = len(bench.robot.inbox['speech_activity'])
    bench.play(speech, start_ns + NS_PER_S)
    assert 'muted while the robot speaks' in bench.fresh_status('state').message
    bench.robot.until(lambda: bench.waiting == 0.0, 'all audio is processed')
    assert len(bench.robot.inbox['speech_activity']) == before
    # Its publisher dies in the middle of a sentence: the robot cannot be speaking any more.
    bench.robot.forget('robot_speaking')
    bench.robot.until(lambda: not bench.node.state.robot_speaking, 'listening again')
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_a_disabled_node_ignores_audio_until_it_is_enabled(bench: Bench, speech: Samples) -> None:
    start_ns = bench.new_day()
    bench.play(speech[:CHUNK], start_ns)
    answer = bench.robot.call(SetBool, 'emotion_node/enable', SetBool.Request(data=False))
    assert (answer.success, answer.message) == (True, 'disabled')
    before = len(bench.robot.inbox['speech_activity'])
    bench.play(speech, start_ns + NS_PER_S)
    bench.robot.until(lambda: bench.waiting == 0.0, 'all audio is processed')
    assert len(bench.robot.inbox['speech_activity']) == before
    bench.robot.call(SetBool, 'emotion_node/enable', SetBool.Request(data=True))
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_text_is_analysed_on_request(bench: Bench) -> None:
    request = AnalyzeText.Request(text='Oh my god, I am so happy for you!')
    answer = bench.robot.call(AnalyzeText, 'emotion_node/analyze_text', request)
    assert answer.success, answer.message
    assert answer.emotion.modality == 'text'
    assert answer.emotion.label == 'joy'
    empty = bench.robot.call(AnalyzeText, 'emotion_node/analyze_text', AnalyzeText.Request())
    assert (empty.success, empty.message) == (False, 'the text has no words')


def test_the_reaction_since_the_robot_spoke_is_returned_on_request(
    bench: Bench, speech: Samples
) -> None:
    def ask(since_ns: int) -> Any:
        request = GetReaction.Request()
        request.since.sec, request.since.nanosec = divmod(since_ns, NS_PER_S)
        return bench.robot.call(GetReaction, 'emotion_node/get_reaction', request)

    start_ns = bench.new_day()
    spoke_ns = start_ns + 10 * NS_PER_S
    first = bench.emotion(speech, start_ns)
    nothing = ask(spoke_ns)
    assert (nothing.success, nothing.message) == (False, 'nothing was heard since then')
    assert first.utterance_id in nothing.evidence_before
    second = bench.emotion(speech, start_ns + 20 * NS_PER_S)
    found = ask(spoke_ns)
    assert found.success, found.message
    assert second.utterance_id in found.evidence_after
    assert first.utterance_id not in found.evidence_after
    assert 0.0 <= found.strength <= 1.0
    assert ask(0).success


def test_a_dialogue_manager_reads_the_line_and_asks_for_the_state(
    bench: Bench, speech: Samples
) -> None:
    bench.robot.listen(String, 'emotion/context')
    bench.robot.until(lambda: bench.node.count_subscribers('emotion/context'), 'the robot listens')
    emotion = bench.emotion(speech, bench.new_day())
    line = json.loads(bench.next('emotion/context', 0).data)
    assert (line['utterance_id'], line['text']) == (emotion.utterance_id, emotion.text)
    assert line['label'] == emotion.label
    assert line['tagged'].endswith(WORDS)
    request = GetSpeakerState.Request(speaker_id=emotion.speaker_id)
    state = bench.robot.call(GetSpeakerState, 'emotion_node/get_speaker_state', request)
    assert (state.success, state.label) == (True, emotion.label)
    assert emotion.utterance_id in state.evidence
    assert 0.0 <= state.age < 60.0
    assert state.summary.endswith('.')
    request = GetSpeakerState.Request(speaker_id='nobody')
    state = bench.robot.call(GetSpeakerState, 'emotion_node/get_speaker_state', request)
    assert (state.label, state.age) == (GetSpeakerState.Response.LABEL_UNKNOWN, -1.0)
    assert state.summary == 'nobody has not been heard.'


def test_reset_ends_the_utterance_under_way(bench: Bench, speech: Samples) -> None:
    start_ns = bench.new_day()
    before = len(bench.robot.inbox['emotion'])
    bench.play(speech[: 3 * RATE // 2], start_ns)
    answer = bench.robot.call(Trigger, 'emotion_node/reset', Trigger.Request())
    assert answer.success
    assert bench.next('emotion', before).end_reason == Emotion.END_REASON_END
    assert bench.emotion(speech, start_ns + 3 * NS_PER_S).text.endswith(WORDS)


def test_the_debug_image_shows_frame_and_emotion(bench: Bench, speech: Samples) -> None:
    bench.emotion(speech, bench.new_day())
    publisher = bench.robot.publisher(Image, 'image')
    bench.robot.listen(Image, 'debug_image')
    assert bench.node.state.outputs is not None
    outputs = bench.node.state.outputs
    bench.robot.until(lambda: outputs.debug_image_wanted, 'the node has discovered the subscriber')
    grey = np.full((480, 640, 3), 90, np.uint8)
    publisher.publish(
        Image(height=480, width=640, encoding='bgr8', step=1920, data=grey.tobytes())
    )
    shown = bench.next('debug_image', 0)
    pixels = np.frombuffer(shown.data, np.uint8).reshape(shown.height, shown.width, 3)
    assert shown.width == 640
    assert shown.height > 480
    assert (pixels[100:400] == 90).all()
    assert len(np.unique(pixels[480:].reshape(-1, 3), axis=0)) > 8


def test_diagnostics_hold_rates_models_and_times(bench: Bench, speech: Samples) -> None:
    bench.emotion(speech, bench.new_day())
    state = {one.key: one.value for one in bench.fresh_status('state').values}
    assert state['state'] == 'active'
    assert 'pocketsphinx' in state['transcription_model']
    audio = {one.key: one.value for one in bench.fresh_status('audio').values}
    assert audio['type'] == 'emotion_msgs/msg/AudioChunk'
    assert float(audio['rate_hz']) > 0
    analysis = {one.key: one.value for one in bench.fresh_status('analysis').values}
    assert int(analysis['text_emotion_runs']) > 0
    assert 0 < float(analysis['text_emotion_median_ms']) <= float(analysis['text_emotion_p95_ms'])
    assert int(analysis['utterances']) > 0


class BrokenTextModel:
    """A text model that fails."""

    info = datatypes.ModelInfo('broken', '1')
    languages = ('en',)

    def estimate(
        self, text: str, history: Sequence[Turn] = (), speaker_id: str = ''
    ) -> datatypes.ModalityEmotion:
        raise RuntimeError('out of memory')


def test_a_fault_in_a_model_takes_out_its_modality_and_is_reported(
    bench: Bench, speech: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.node.state.engine is not None
    with monkeypatch.context() as patch:
        patch.setattr(bench.node.state.engine.analysis.text, 'model', BrokenTextModel())
        emotion = bench.emotion(speech, bench.new_day())
    text = emotion.modalities[0]
    assert (text.available, text.reason, text.detail) == (False, 'error', 'out of memory')
    assert emotion.text.endswith(WORDS)
    assert [one.available for one in emotion.modalities] == [False, True, False]
    assert emotion.modalities[1].weight == 1
    assert emotion.label == emotion.modalities[1].label
    status = bench.status_at('analysis', DiagnosticStatus.ERROR)
    assert 'fault in text' in status.message
    assert 'RuntimeError: out of memory' in status.message
    assert bench.emotion(speech, bench.new_day()).modalities[0].available


def test_the_node_can_be_deactivated_and_activated_again(bench: Bench, speech: Samples) -> None:
    before = bench.emotion(speech, bench.new_day())
    assert bench.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert 'inactive' in bench.status_at('state', DiagnosticStatus.WARN).message
    answer = bench.robot.call(Trigger, 'emotion_node/reset', Trigger.Request())
    assert not answer.success
    assert bench.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    after = bench.emotion(speech, bench.new_day())
    assert after.text.endswith(WORDS)
    assert after.utterance_id != before.utterance_id


def test_utterance_ids_are_not_used_again_after_a_restart(bench: Bench, speech: Samples) -> None:
    before = bench.emotion(speech, bench.new_day()).utterance_id
    assert bench.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert bench.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    activate(bench.node)
    after = bench.emotion(speech, bench.new_day()).utterance_id
    assert re.fullmatch(r'[a-z2-9]{4}-u1', after)
    assert re.fullmatch(r'[a-z2-9]{4}-u\d+', before)
    assert before.partition('-')[0] != after.partition('-')[0]


def test_a_fault_in_a_callback_is_counted_and_its_caller_answered(
    bench: Bench, speech: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = bench.node.state.engine
    assert engine is not None

    def fail(*_: object) -> None:
        raise OverflowError('a fault of a service')

    def stages() -> list[str]:
        return [one.stage for one in bench.node.state.faults.all()]

    with monkeypatch.context() as patch:
        patch.setattr(engine.analysis, 'reaction', fail)
        answer = bench.robot.call(GetReaction, 'emotion_node/get_reaction', GetReaction.Request())
        patch.setattr(engine, 'put_transcript', fail)
        words = bench.robot.publisher(Transcript, 'transcript_in')

        def both_are_counted() -> bool:
            words.publish(Transcript(text='hello'))
            return 'subscription to transcript_in' in stages()

        bench.robot.until(both_are_counted, 'both faults are counted')
    assert not answer.success
    assert answer.message == 'OverflowError: a fault of a service'
    assert 'service ~/get_reaction' in stages()
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_yesterdays_recording_after_live_use_begins_a_new_dialogue(
    bench: Bench, speech: Samples
) -> None:
    bench.emotion(speech, bench.new_day())
    yesterday = 1_600_000_000 * NS_PER_S
    emotion = bench.emotion(speech, yesterday)
    answer = bench.robot.call(GetReaction, 'emotion_node/get_reaction', GetReaction.Request())
    assert list(answer.evidence_after) == [emotion.utterance_id]
    assert answer.message == 'no emotion is known from before'


def test_a_node_that_is_cleaned_up_lets_its_models_go() -> None:
    with listening_node() as other:
        models = other.node.state.models
        assert models is not None
        kept: list[weakref.ref[Any]] = [
            weakref.ref(models.text),
            weakref.ref(models.voice),
            weakref.ref(models.face),
        ]
        del models
        assert other.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert other.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        assert [reference() for reference in kept] == [None, None, None]


def test_a_text_that_takes_long_holds_up_nothing_else(
    bench: Bench, speech: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = bench.node.state.engine
    assert engine is not None
    gate = threading.Event()
    answer_text = engine.analysis.analyze_text

    def slow(text: str) -> Any:
        assert gate.wait(20.0)
        return answer_text(text)

    monkeypatch.setattr(engine.analysis, 'analyze_text', slow)
    client = bench.robot.node.create_client(AnalyzeText, 'emotion_node/analyze_text')
    bench.robot.until(client.service_is_ready, 'the service is there')
    later = client.call_async(AnalyzeText.Request(text='I am so happy'))
    bench.robot.call(GetReaction, 'emotion_node/get_reaction', GetReaction.Request())
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)
    assert not later.done()
    gate.set()
    bench.robot.until(later.done, 'the text is answered')
    assert later.result().emotion.label == 'joy'
    bench.robot.node.destroy_client(client)


def test_too_many_calls_are_refused_and_those_that_wait_hinder_no_cleanup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    with listening_node({'queue.calls': 3}) as other:
        engine = other.node.state.engine
        assert engine is not None
        monkeypatch.setattr(engine.analysis, 'analyze_text', lambda text: gate.wait(20.0))
        client = other.robot.node.create_client(AnalyzeText, 'emotion_node/analyze_text')
        other.robot.until(client.service_is_ready, 'the service is there')
        answers = [client.call_async(AnalyzeText.Request(text='hello')) for _ in range(4)]
        other.robot.until(lambda: any(one.done() for one in answers), 'one is refused')
        (refused,) = (one.result() for one in answers if one.done())
        assert not refused.success
        assert refused.message == '3 calls wait already (queue.calls): call again later'
        assert other.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert other.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        gate.set()
        activate(other.node)
        answer = other.robot.call(
            AnalyzeText, 'emotion_node/analyze_text', AnalyzeText.Request(text='I am so happy')
        )
        assert answer.emotion.label == 'joy'
        other.robot.node.destroy_client(client)


def test_a_burst_of_calls_is_answered_to_the_last(bench: Bench) -> None:
    client = bench.robot.node.create_client(
        AnalyzeText, 'emotion_node/analyze_text', qos_profile=QoSProfile(depth=1000)
    )
    bench.robot.until(client.service_is_ready, 'the service is there')
    answers = [client.call_async(AnalyzeText.Request(text='hello')) for _ in range(200)]
    bench.robot.until(lambda: all(one.done() for one in answers), 'all calls are answered')
    bench.robot.node.destroy_client(client)
