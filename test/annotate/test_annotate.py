"""`annotate` finds the same emotions as the node in any recording, and overwrites nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recordings import (
    CONVERSATION,
    START_NS,
    Row,
    Samples,
    audio_rows,
    header,
    make,
    noise,
    storage_file,
    truncate,
    write_bag,
    write_media,
)

from emotion_node.cli.main import main
from emotion_node.messages.emotion import decode_emotion
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.truth import overlapping, read_truth

# Fast: speech is found, but not transcribed.
SPEECH_ONLY = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')

Record = dict[str, Any]


def annotate(*arguments: object) -> int:
    return main(['annotate', *SPEECH_ONLY, *map(str, arguments)])


def lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


@pytest.fixture(scope='module')
def speech() -> Samples:
    """The sound of the recorded conversation."""
    with Bag(CONVERSATION) as bag:
        return np.concatenate([bag.decode(one).data for one in bag.messages({'/audio'})])


@pytest.fixture(scope='module')
def beginning(speech: Samples) -> Samples:
    """Its first utterances."""
    return speech[: 12 * 16_000]


def test_every_utterance_of_the_conversation_becomes_a_line(tmp_path: Path) -> None:
    out = tmp_path / 'out.jsonl'
    assert annotate(CONVERSATION, '-o', out) == 0
    found = lines(out)
    for truth in read_truth(CONVERSATION / 'truth.json'):
        (emotion,) = overlapping(truth, list(map(decode_emotion, found)))
        assert emotion.start_ns == pytest.approx(truth.start_ns, abs=0.15e9)
        assert emotion.end_ns == pytest.approx(truth.end_ns, abs=0.25e9)
    first = found[0]
    assert first['source'] == str(CONVERSATION)
    assert first['header'] == {'stamp': first['end'], 'frame_id': 'microphone'}
    assert first['end_s'] - first['start_s'] == pytest.approx(
        (first['end'] - first['start']) / 1e9, abs=0.002
    )
    assert [one['modality'] for one in first['modalities']] == ['text', 'voice', 'face']
    assert {one['trigger'] for one in found} == {'final'}


def test_a_file_and_a_bag_of_the_same_sound_give_the_same_emotions(
    tmp_path: Path, beginning: Samples
) -> None:
    bag = write_bag(tmp_path / 'bag', audio_rows(beginning), 'sqlite3')
    wav = write_media(tmp_path / 'sound.wav', beginning)
    out = tmp_path / 'out.jsonl'
    assert annotate(bag, wav, '-o', out) == 0
    of_bag, of_wav = ([one for one in lines(out) if one['source'] == str(s)] for s in (bag, wav))
    assert len(of_bag) == len(of_wav) > 2
    for one, other in zip(of_bag, of_wav, strict=True):
        assert one['start_s'] == pytest.approx(other['start_s'], abs=0.001)
        assert one['end_s'] == pytest.approx(other['end_s'], abs=0.001)
        assert (one['clock_source'], other['clock_source']) == ('header', 'file')


@pytest.mark.parametrize(('storage', 'flags'), [('mcap', []), ('sqlite3', ['--interim'])])
def test_a_bag_is_copied_with_the_emotions_added(
    tmp_path: Path, beginning: Samples, storage: str, flags: list[str]
) -> None:
    other = make('std_msgs/msg/String', data='hello')
    rows = [('/chatter', 'std_msgs/msg/String', START_NS, other), *audio_rows(beginning)]
    path = write_bag(tmp_path / 'talk', rows, storage)
    assert annotate(path, '-o', tmp_path / 'out', '--namespace', 'robot', *flags) == 0
    written = lines(tmp_path / 'out' / 'talk.jsonl')
    found = [one for one in written if one['trigger'] == 'final']
    interims = len(written) - len(found)
    assert (interims > len(found)) == bool(flags)
    with Bag(path) as before, Bag(tmp_path / 'out' / 'talk') as after:
        assert after.damage == ''
        assert after.storage == storage
        old = list(before.messages())
        assert [one for one in after.messages() if one.topic in before.topics] == old
        emotions = [after.decode(one) for one in after.messages({'/robot/emotion'})]
        assert [one.utterance_id for one in emotions] == [one['utterance_id'] for one in found]
        counts = {name: topic.count for name, topic in after.topics.items()}
        assert counts['/robot/emotion/text'] == counts['/robot/transcript'] == len(found)
        assert counts['/robot/speech_activity'] >= 2 * len(found)
        assert counts.get('/robot/emotion/interim', 0) == interims
        for message in after.messages({'/robot/emotion'}):
            emotion = after.decode(message)
            delay_ns = message.stamp_ns - emotion.end.sec * 10**9 - emotion.end.nanosec
            assert 0.3e9 < delay_ns < 0.6e9


def test_a_copy_can_be_annotated_again(tmp_path: Path, beginning: Samples) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(beginning))
    assert annotate(path, '-o', tmp_path / 'one') == 0
    assert annotate(tmp_path / 'one' / 'talk', '-o', tmp_path / 'two') == 0
    with Bag(tmp_path / 'one' / 'talk') as one, Bag(tmp_path / 'two' / 'talk') as two:
        assert {t.name: t.count for t in one.topics.values()} == {
            t.name: t.count for t in two.topics.values()
        }


def test_nothing_is_overwritten_without_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples
) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(beginning))
    out = tmp_path / 'out'
    assert annotate(path, '-o', out) == 0
    before = (out / 'talk.jsonl').read_bytes()
    assert annotate(path, '-o', out) == 1
    assert 'already exists; choose another output, or add --force' in capsys.readouterr().err
    assert (out / 'talk.jsonl').read_bytes() == before
    assert annotate(path, '-o', out, '--force') == 0
    # Even then, an input is not replaced, nor a folder that is not a recording.
    assert annotate(path, '-o', tmp_path, '--force') == 1
    assert 'is an input' in capsys.readouterr().err
    shutil.rmtree(out)
    (out / 'talk' / 'precious').mkdir(parents=True)
    assert annotate(path, '-o', out, '--force') == 1
    assert 'is a folder but not a recording' in capsys.readouterr().err
    assert (out / 'talk' / 'precious').exists()


def test_two_inputs_of_one_name_are_kept_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        write_media(tmp_path / folder / 'talk.wav', noise(1.0))
    inputs = (tmp_path / 'a' / 'talk.wav', tmp_path / 'b' / 'talk.wav')
    assert annotate(*inputs, '-o', tmp_path / 'out') == 1
    assert 'several inputs are called talk' in capsys.readouterr().err
    assert annotate(*inputs, '-o', tmp_path / 'out.jsonl') == 0


def test_a_truncated_bag_is_annotated_up_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], speech: Samples
) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(speech))
    truncate(storage_file(path))
    arguments = [one for one in SPEECH_ONLY if one != '-q']
    assert main(['annotate', *arguments, str(path), '-o', str(tmp_path / 'out.jsonl')]) == 1
    printed = ' '.join(capsys.readouterr().err.split())
    assert 'damaged or truncated' in printed
    assert 'of 1277 messages on /audio could be read' in printed
    assert re.search(r'ends at [12]\d\.\d of 40\.8 s', printed)
    found = lines(tmp_path / 'out.jsonl')
    assert len(found) >= 3
    assert found[-1]['end_s'] <= len(speech) / 16_000 / 2 + 1


def test_channels_of_opposite_phase_and_a_chosen_channel_give_the_utterances_of_mono(
    tmp_path: Path, beginning: Samples
) -> None:
    robot = np.random.default_rng(5).integers(-9000, 9000, len(beginning)).astype(np.int16)
    opposite = np.stack([beginning, -np.maximum(beginning, -32767)], axis=1)
    files = [
        write_media(tmp_path / 'mono.wav', beginning),
        write_media(tmp_path / 'opposite.wav', opposite, layout='stereo'),
        write_media(tmp_path / 'array.wav', np.stack([beginning, robot], axis=1), layout='stereo'),
    ]
    found = []
    for number, file in enumerate(files):
        out = tmp_path / f'{number}.jsonl'
        channel = ['--audio-channel', '0'] if number == 2 else []
        assert annotate(file, '-o', out, *channel) == 0
        found.append([(one['start_s'], one['end_s']) for one in lines(out)])
    assert len(found[0]) > 2
    assert found[1] == [pytest.approx(one, abs=0.1) for one in found[0]]
    assert found[2] == found[0]
    assert annotate(files[0], '-o', tmp_path / 'none.jsonl', '--audio-channel', '3') == 1


def test_audio_that_cannot_be_sound_is_reported_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples
) -> None:
    arguments = [one for one in SPEECH_ONLY if one != '-q']
    out = str(tmp_path / 'out.jsonl')
    opposite = np.stack([beginning, -np.maximum(beginning, -32767)], axis=1)
    loud = (beginning.astype(np.int32) * 40).clip(-32768, 32767).astype(np.int16)

    def printed(samples: Samples) -> str:
        layout = 'stereo' if samples.ndim == 2 else 'mono'
        wav = write_media(tmp_path / 'sound.wav', samples, layout=layout)
        assert main(['annotate', *arguments, '-o', out, '--force', str(wav)]) == 0
        return ' '.join(capsys.readouterr().err.split())

    assert 'are zero: the microphone is muted' in printed(np.zeros_like(beginning))
    assert 'turn its gain down' in printed(loud)
    assert 'bytes of each sample are in the wrong order' in printed(beginning.byteswap())
    assert 'so only channel 0 is used' in printed(opposite)
    of_good_sound = printed(beginning)
    assert not any(word in of_good_sound for word in ('gain', 'muted', 'bytes', 'only channel'))


def test_interim_estimates_precede_the_final_one(tmp_path: Path, beginning: Samples) -> None:
    wav = write_media(tmp_path / 'sound.wav', beginning)
    assert annotate(wav, '-o', tmp_path / 'out.jsonl', '--interim') == 0
    found = lines(tmp_path / 'out.jsonl')
    triggers = [one['trigger'] for one in found if one['utterance_id'] == 'u1']
    assert triggers == ['interim'] * (len(triggers) - 1) + ['final']
    assert len(triggers) > 2


def test_json_goes_to_standard_output_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples
) -> None:
    wav = write_media(tmp_path / 'sound.wav', beginning)
    arguments = [one for one in SPEECH_ONLY if one != '-q']
    assert main(['annotate', *arguments, str(wav)]) == 0
    printed = capsys.readouterr()
    assert all(json.loads(line)['source'] == str(wav) for line in printed.out.splitlines())
    assert 'times real time' in printed.err


def test_timings_are_a_markdown_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples
) -> None:
    wav = write_media(tmp_path / 'sound.wav', beginning)
    assert annotate(wav, '-o', tmp_path / 'out.jsonl', '--timings') == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith('|')]
    assert table[0] == '| stage | runs | mean | median | p95 | of real time |'
    assert any(line.startswith('| hearing |') for line in table)


def test_the_robots_own_voice_is_not_annotated(tmp_path: Path, beginning: Samples) -> None:
    kind = 'std_msgs/msg/Bool'
    speaking = ('/robot_speaking', kind, START_NS, make(kind, data=True))
    path = write_bag(tmp_path / 'talk', [speaking, *audio_rows(beginning)])
    assert annotate(path, '-o', tmp_path / 'out.jsonl') == 0
    assert lines(tmp_path / 'out.jsonl') == []


def test_transcripts_are_taken_from_their_topic(tmp_path: Path, beginning: Samples) -> None:
    kind = 'emotion_msgs/msg/Transcript'
    rows = audio_rows(beginning)
    last_ns = rows[-1][2]
    for stamp_ns in range(START_NS, last_ns, 500_000_000):
        words = make(
            kind,
            header=header(stamp_ns),
            utterance_id='',
            text='hello there',
            confidence=0.9,
            locale='en',
            translation='',
            final=True,
            reason='',
        )
        rows.append(('/transcript_in', kind, stamp_ns, words))
    rows.sort(key=lambda row: row[2])
    path = write_bag(tmp_path / 'talk', rows)
    parameters = ('-q', '-p', 'transcriber.backend:=topic', '-p', 'text.backend:=off')
    assert main(['annotate', *parameters, str(path), '-o', str(tmp_path / 'out.jsonl')]) == 0
    assert {one['text'] for one in lines(tmp_path / 'out.jsonl')} == {'hello there'}


def test_unusable_audio_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = 'emotion_msgs/msg/AudioChunk'
    message = make(kind, header=header(START_NS), sample_rate=4_000, channels=1, data=noise(0.1))
    path = write_bag(tmp_path / 'talk', [('/audio', kind, START_NS, message)])
    arguments = [one for one in SPEECH_ONLY if one != '-q']
    assert main(['annotate', *arguments, str(path), '-o', str(tmp_path / 'out.jsonl')]) == 1
    complaint = ' '.join(capsys.readouterr().err.split())
    assert '/audio: audio has a sample rate of 4000 Hz, expected 8000 to 96000' in complaint
    assert 'no audio could be used' in complaint


def test_a_bag_without_audio_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make('std_msgs/msg/String', data='hello')
    path = write_bag(tmp_path / 'talk', [('/chatter', 'std_msgs/msg/String', START_NS, other)])
    assert annotate(path) == 1
    assert 'has no audio topic; it has: /chatter (std_msgs/msg/String)' in capsys.readouterr().err


def restamped(rows: list[Row], stamps_ns: Sequence[int]) -> list[Row]:
    return [
        (topic, kind, time_ns, replace(message, header=header(stamp_ns)))
        for (topic, kind, time_ns, message), stamp_ns in zip(rows, stamps_ns, strict=True)
    ]


def speech_times(path: Path) -> list[tuple[int, int]]:
    return [(one['start'], one['end']) for one in lines(path)]


def test_stamps_in_steps_lose_no_utterance(tmp_path: Path, beginning: Samples) -> None:
    rows = audio_rows(beginning)
    steps = [rows[min(n // 3 * 3 + 3, len(rows) - 1)][2] for n in range(len(rows))]
    exact, stepped = tmp_path / 'exact.jsonl', tmp_path / 'stepped.jsonl'
    assert annotate(write_bag(tmp_path / 'exact', rows), '-o', exact) == 0
    assert annotate(write_bag(tmp_path / 'stepped', restamped(rows, steps)), '-o', stepped) == 0
    assert [end - start for start, end in speech_times(stepped)] == [
        pytest.approx(end - start, abs=0.1e9) for start, end in speech_times(exact)
    ]


@pytest.mark.parametrize('lost', [0, 10])
def test_missing_audio_is_reported_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples, lost: int
) -> None:
    rows = [row for n, row in enumerate(audio_rows(beginning)) if not lost or n < 30 or n % lost]
    bag, out = write_bag(tmp_path / 'lossy', rows), tmp_path / 'out.jsonl'
    assert main(['annotate', *SPEECH_ONLY[1:], str(bag), '-o', str(out)]) == 0
    printed = ' '.join(capsys.readouterr().err.split())
    assert ('s of audio missing between the messages' in printed) == bool(lost)
    assert ('-p audio.stamp:=receipt' in printed) == bool(lost)
    shares = [one['missing_audio'] for one in lines(out)]
    assert (max(shares) > 0.03) == bool(lost)
