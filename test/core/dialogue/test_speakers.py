"""Who speaks."""

from __future__ import annotations

from emotion_node.config import DialogueConfig
from emotion_node.core.dialogue.speakers import MAX_SPEAKERS, Speakers


def test_a_face_identifies_the_speaker() -> None:
    speakers = Speakers(DialogueConfig())
    found = [speakers.identify(face, 0.9) for face in ('f1', 'f2', 'f1', 'f3', 'f2')]
    assert found == ['s1', 's2', 's1', 's3', 's2']


def test_a_speaker_who_is_not_seen_is_unknown() -> None:
    speakers = Speakers(DialogueConfig())
    assert speakers.identify('f1', 0.9) == 's1'
    assert speakers.identify('', 0.0) == ''
    assert speakers.identify('f1', 0.3) == ''


def test_off_means_no_speaker_is_identified() -> None:
    assert Speakers(DialogueConfig(speakers='off')).identify('f1', 0.9) == ''


def test_an_unfinished_utterance_adds_no_speaker() -> None:
    speakers = Speakers(DialogueConfig())
    assert speakers.identify('f1', 0.9, learn=False) == ''
    assert speakers.identify('f1', 0.9) == 's1'
    assert speakers.identify('f1', 0.9, learn=False) == 's1'


def test_ids_are_not_used_twice() -> None:
    speakers = Speakers(DialogueConfig())
    assert speakers.identify('f1', 0.9) == 's1'
    speakers.reset()
    assert speakers.identify('f1', 0.9) == 's2'


def test_of_many_speakers_the_one_heard_longest_ago_is_forgotten() -> None:
    speakers = Speakers(DialogueConfig())
    for n in range(1, MAX_SPEAKERS + 1):
        assert speakers.identify(f'f{n}', 0.9) == f's{n}'
    assert speakers.identify('f1', 0.9) == 's1'
    assert speakers.identify('new', 0.9) == f's{MAX_SPEAKERS + 1}'
    assert speakers.identify('f1', 0.9) == 's1'
    assert speakers.identify('f2', 0.9) == f's{MAX_SPEAKERS + 2}'
