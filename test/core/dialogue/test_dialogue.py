"""A conversation through the whole analysis: who speaks, what came before, what changed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest
from support.scripted import (
    SECOND,
    ScriptedText,
    ScriptedTranscriber,
    ScriptedVision,
    ScriptedVoice,
    events,
    known,
    scripted_analysis,
    utterance,
)

from emotion_node.config import Config, DialogueConfig, make_config
from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.dialogue.turns import Dialogue, DialogueTurn
from emotion_node.datatypes import (
    ClockSetBack,
    EmotionReport,
    FaceEstimate,
    ModalityEmotion,
    Reason,
    Transcript,
    Trigger,
    Utterance,
)
from emotion_node.labels import Modality


@dataclass
class Faces(ScriptedVision):
    """Sees the next face of a list at each utterance; sure of whose it is, not of its emotion."""

    ids: list[str] = field(default_factory=list)

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        absent = ModalityEmotion.absent(Modality.FACE, Reason.MODEL_OFF, model=self.info)
        face_id = self.ids[int(utterance.utterance_id[1:]) - 1]
        return FaceEstimate(absent, face_id, 0.9 if face_id else 0.0)


def talk(
    lines: list[str],
    faces: list[str],
    config: Config | None = None,
    voice: ScriptedVoice | None = None,
    start_s: float = 1.0,
) -> tuple[Analysis, ScriptedText, list[EmotionReport]]:
    text = ScriptedText()
    analysis = scripted_analysis(
        config or make_config({'interim.enabled': False}),
        ScriptedTranscriber(list(lines)),
        text,
        voice,
        Faces(ids=faces),
    )
    reports = [
        report
        for n in range(len(lines))
        for event in events(utterance(n + 1, start_s + 3 * n))
        for report in analysis.handle(event)
    ]
    emotions = [one for one in reports if isinstance(one, EmotionReport)]
    return analysis, text, [one for one in emotions if one.trigger is Trigger.FINAL]


def test_speakers_are_told_apart_and_the_text_model_knows_them() -> None:
    _, text, emotions = talk(['hello', 'hi', 'how are you'], ['f1', 'f2', 'f1'])
    assert [one.speaker_id for one in emotions] == ['s1', 's2', 's1']
    assert text.speakers == ['s1', 's2', 's1']
    assert [words for words, _ in text.asked] == ['hello', 'hi', 'how are you']


def test_a_speaker_who_is_not_seen_is_unknown() -> None:
    _, text, emotions = talk(['hello', 'hi'], ['', 'f1'])
    assert [one.speaker_id for one in emotions] == ['', 's1']
    assert text.speakers == ['', 's1']


def test_the_partner_reacts() -> None:
    analysis, _, emotions = talk(['good morning', 'so happy'], ['f1', 'f1'])
    reaction = analysis.reaction(emotions[0].end_ns)
    assert reaction.known
    assert (reaction.before.label, reaction.after.label) == ('neutral', 'joy')
    assert reaction.after.utterance_ids == ('u2',)
    assert (reaction.speaker_id, reaction.speakers) == ('s1', ('s1',))
    assert reaction.valence_change > 0.3
    analysis.reset()
    assert analysis.reaction().problem == 'nothing was heard yet'


def test_shifting_time_changes_no_emotion() -> None:
    lines, faces = ['so happy', 'well', 'happy'], ['f1', 'f2', 'f1']
    for plain, moved in zip(
        talk(lines, faces)[2], talk(lines, faces, start_s=1_000_001.0)[2], strict=True
    ):
        assert known(plain.fused.scores) == pytest.approx(known(moved.fused.scores), abs=1e-6)
        assert plain.speaker_id == moved.speaker_id


def test_an_uncertain_emotion_has_no_label_and_is_remembered_as_it_is() -> None:
    config = make_config({'interim.enabled': False, 'fusion.min_confidence': 0.99})
    analysis, _, (emotion,) = talk(['so happy'], ['f1'], config)
    assert emotion.fused.label == ''
    assert emotion.fused.confidence == pytest.approx(0.8)
    assert analysis.reaction().after.label == 'joy'


@dataclass
class Mumbler(ScriptedTranscriber):
    """Hears its line with some confidence."""

    confidence: float = 0.9

    def finish(self) -> Transcript:
        return dataclasses.replace(super().finish(), confidence=self.confidence)


def test_uncertain_words_leave_more_weight_to_the_voice() -> None:
    def voice_share(confidence: float) -> float:
        analysis = scripted_analysis(
            make_config({'interim.enabled': False}),
            Mumbler(['so happy'], confidence=confidence),
            ScriptedText(),
            ScriptedVoice(),
            None,
        )
        (emotion,) = (
            report
            for event in events(utterance(length_s=2.0))
            for report in analysis.handle(event)
            if isinstance(report, EmotionReport)
        )
        return emotion.fused.voice.weight

    assert voice_share(0.3) > voice_share(0.6) > voice_share(0.9) == voice_share(1.0)


def turn(number: int, end_s: float) -> DialogueTurn:
    end_ns = round(end_s * SECOND)
    return DialogueTurn(f'u{number}', '', end_ns - SECOND, end_ns, 'words', '')


def test_only_so_many_turns_are_remembered_and_only_for_so_long() -> None:
    dialogue = Dialogue(DialogueConfig(max_turns=2, max_age=10.0))
    for number in range(4):
        dialogue.add(turn(number, 1.0 + number))
    assert [one.utterance_id for one in dialogue.turns] == ['u2', 'u3']
    assert [one.utterance_id for one in dialogue.before(round(13.5 * SECOND))] == ['u3']
    forgetful = Dialogue(DialogueConfig(max_turns=0))
    forgetful.add(turn(1, 1.0))
    assert forgetful.turns == ()


def test_a_clock_that_is_set_back_forgets_the_dialogue() -> None:
    analysis, _, _ = talk(['hello', 'hi', 'so'], ['f1', 'f2', 'f1'], start_s=1000.0)
    assert analysis.reaction().speaker_id == 's1'
    assert analysis.handle(ClockSetBack(0)) == []
    assert analysis.reaction().problem == 'nothing was heard yet'
    assert analysis.counters['clock_set_back'] == 1
