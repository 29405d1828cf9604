"""What other tools read: ELAN, subtitles, diarization and tables, read back by libraries."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import webvtt
from pympi import Elan
from support.emotions import changed_fusion, emotion
from support.recordings import write_media
from support.robot import conversation
from support.scripted import scores

from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.exports.formats import FORMATS, export_path, write_export
from emotion_node.annotate.exports.tables import COLUMNS
from emotion_node.cli.main import main
from emotion_node.datatypes import EmotionReport
from emotion_node.labels import LABELS

ORIGIN_NS = 1_750_000_000 * 1_000_000_000
TALK = Path('a talk/with spaces.mp4')

SAD = changed_fusion(
    emotion(1, 'sadness', 'I <lost> my "keys" & --> cried', speaker_id='s1'),
    scores=scores(sadness=0.8),
)
HAPPY = emotion(2, 'joy', 'I got the job', speaker_id='s2')
SILENT = emotion(3, '', '')
AGAIN = emotion(4, 'joy', 'Zoë, 42\x1b[2J\n=1+1', speaker_id='s1')
ALL = (SAD, HAPPY, SILENT, AGAIN)


class Emissor(NamedTuple):
    """What EMISSOR's own loader reads."""

    scenario: Any
    signals: list[Any]

    def annotations(self, number: int) -> dict[str, list[Any]]:
        """Return the annotations of a signal by what they are about."""
        signal = self.signals[number]
        assert all(mention.segment[0].stop == len(signal.text) for mention in signal.mentions)
        return {one.id.rpartition('-')[2]: one.annotations for one in signal.mentions}


def read_emissor(folder: Path) -> Emissor:
    """Read the one scenario below a folder."""
    persistence = pytest.importorskip('emissor.persistence', reason='emissor is not installed')
    from emissor.representation.scenario import Modality

    storage = persistence.ScenarioStorage(folder)
    (name,) = storage.list_scenarios()
    loaded = storage.load_scenario(name)
    return Emissor(loaded.scenario, list(loaded.get_signals(Modality.TEXT)))


def written(form: str, *reports: EmotionReport) -> str:
    return FORMATS[form](TALK, [Annotation(TALK, ORIGIN_NS, one) for one in reports])


def beginning() -> Any:
    return conversation()[: 12 * 16_000]


def read_eaf(text: str, folder: Path) -> Any:
    path = folder / 'talk.eaf'
    path.write_text(text, encoding='utf-8')
    return Elan.Eaf(path)


def test_elan_has_words_for_each_speaker_and_emotions_below_them(tmp_path: Path) -> None:
    file = read_eaf(written('eaf', *ALL), tmp_path)
    roots = [name for name in file.get_tier_names() if name.startswith('words@')]
    assert roots == ['words@s1', 'words@s2', 'words@unknown']
    assert set(file.get_child_tiers_for('words@s1')) == {
        f'{name}@s1' for name in ('emotion', 'confidence', 'text', 'voice', 'face', 'check')
    }
    first, second = file.get_annotation_data_for_tier('words@s1')
    assert first[:3] == (5000, 7000, SAD.transcript.text)
    assert (second[:2], second[2].startswith('Zoë, 42')) == ((20_000, 22_000), True)
    labels = file.get_ref_annotation_data_for_tier('emotion@s1')
    assert [one[2] for one in labels] == ['sadness', 'joy']
    assert labels[0][:2] == (5000, 7000)
    assert labels[0][3] == SAD.transcript.text
    voices = file.get_ref_annotation_data_for_tier('voice@s1')
    assert voices[0][2] == 'absent: too_short'
    assert not file.get_ref_annotation_data_for_tier('emotion@unknown')
    assert file.get_parameters_for_tier('emotion@s1')['PARENT_REF'] == 'words@s1'
    (link,) = file.get_linked_files()
    assert link['MIME_TYPE'] == 'video/mp4'
    assert link['RELATIVE_MEDIA_URL'] == './with spaces.mp4'


def test_utterances_of_one_tier_never_overlap(tmp_path: Path) -> None:
    late = emotion(1, start_ns=SAD.end_ns - 400_000, speaker_id='s1', end_ns=SAD.end_ns - 300_000)
    file = read_eaf(written('eaf', SAD, late), tmp_path)
    (_, end, _), (start, last, _) = file.get_annotation_data_for_tier('words@s1')
    assert end <= start < last


def test_webvtt_has_voices_and_harmless_words() -> None:
    text = written('vtt', *ALL)
    cues = webvtt.WebVTT.from_string(text).captions
    assert [one.voice for one in cues] == ['s1', 's2', None, 's1']
    assert (cues[0].start, cues[0].end) == ('00:00:05.000', '00:00:07.000')
    assert cues[0].text == '[sadness 0.8] I &lt;lost&gt; my "keys" &amp; --&gt; cried'
    assert cues[2].text.startswith('(')
    assert '\x1b' not in text


def test_srt_is_read_back() -> None:
    cues = webvtt.from_buffer(io.StringIO(written('srt', *ALL)), format='srt')
    assert len(cues) == len(ALL)
    assert cues[1].text == 's2: [joy 0.6] I got the job'
    assert (cues[3].start, cues[3].end) == ('00:00:20.000', '00:00:22.000')


def test_rttm_says_who_speaks_when() -> None:
    lines = [line.split(' ') for line in written('rttm', *ALL).splitlines()]
    assert all(len(line) == 10 for line in lines)
    assert {(line[0], line[1], line[2]) for line in lines} == {('SPEAKER', 'with_spaces', '1')}
    times = [(float(line[3]), float(line[4]), line[7]) for line in lines]
    assert times == [(5, 2, 's1'), (10, 2, 's2'), (15, 2, 'unknown'), (20, 2, 's1')]


def test_a_table_has_a_row_for_each_utterance() -> None:
    rows = list(csv.DictReader(io.StringIO(written('csv', *ALL))))
    assert tuple(rows[0]) == COLUMNS
    assert [row['text'] for row in rows] == [one.transcript.text for one in ALL]
    assert sum(float(rows[0][f'score_{label}']) for label in LABELS) == pytest.approx(1, abs=1e-3)
    assert (rows[0]['voice_label'], rows[0]['voice_reason']) == ('', 'too_short')
    assert (rows[2]['label'], rows[2]['confidence'], rows[2]['score_joy']) == ('', '', '')


def test_a_scenario_of_emissor_has_a_text_with_emotions_for_each_utterance(
    tmp_path: Path,
) -> None:
    pytest.importorskip('emissor', reason='emissor is not installed')
    path = export_path('emissor', tmp_path / 'talk')
    write_export('emissor', path, TALK, [Annotation(TALK, ORIGIN_NS, one) for one in ALL])
    talk = read_emissor(tmp_path / 'emissor')
    assert (talk.scenario.id, talk.scenario.context.agent) == ('talk', 'emotion_node')
    assert (talk.scenario.start, talk.scenario.end) == (0, 22_000)
    assert [one.text for one in talk.signals] == [one.transcript.text for one in ALL]
    times = [(one.time.container_id, one.time.start, one.time.end) for one in talk.signals]
    assert times[:2] == [('talk', 5000, 7000), ('talk', 10_000, 12_000)]
    about = talk.annotations(0)
    assert set(about) == {'emotion', 'text', 'speaker'}, 'voice and face are absent'
    label, *ranked = about['emotion']
    assert (label.type, label.value, label.timestamp) == ('emotion', 'sadness', 7000)
    assert {one.value.type for one in ranked} == {'EKMAN'}
    assert {one.value.value for one in ranked} == set(LABELS)
    assert ranked[0].value.value == 'sadness'
    confidences = [one.value.confidence for one in ranked]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=1e-3)
    assert about['text'][0].source == 'python-source:emotion_node.text'
    assert [one.value for one in about['speaker']] == ['s1']
    assert talk.annotations(2) == {}, 'nothing is known of the third'


@pytest.mark.parametrize('form', FORMATS)
def test_a_recording_without_speech_is_a_valid_file(form: str, tmp_path: Path) -> None:
    text = written(form)
    if form == 'eaf':
        assert list(read_eaf(text, tmp_path).get_tier_names()) == ['default']
    elif form == 'vtt':
        assert text == 'WEBVTT\n'


def test_annotate_writes_them_beside_the_lines_and_overwrites_none(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    sound = write_media(tmp_path / 'talk.wav', beginning())
    quick = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')

    def run(*arguments: object) -> int:
        return main(['annotate', *quick, str(sound), *map(str, arguments)])

    assert run('-o', out, '--export', 'eaf, csv,vtt,srt,rttm') == 0
    assert {one.name for one in out.iterdir()} == {f'talk.{e}' for e in ('jsonl', *FORMATS)}
    assert {one.stat().st_mode & 0o777 for one in out.iterdir()} == {0o600}
    count = len((out / 'talk.jsonl').read_text().splitlines())
    assert count > 2
    assert len((out / 'talk.rttm').read_text().splitlines()) == count
    (out / 'talk.jsonl').unlink()
    assert run('-o', out, '--export', 'eaf') == 1, 'talk.eaf is there'
    assert run('--export', 'eaf') == 1, 'there is no folder'
    assert run('-o', out, '--export', 'doc') == 2


def test_annotate_writes_a_scenario_that_only_its_owner_may_read(tmp_path: Path) -> None:
    pytest.importorskip('emissor', reason='emissor is not installed')
    corpus, out = tmp_path / 'corpus', tmp_path / 'out'
    corpus.mkdir()
    sound = write_media(corpus / 'talk.wav', beginning())
    quick = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')

    def run(source: Path, *arguments: str) -> int:
        wanted = ('-o', str(out), '--export', 'emissor', *arguments)
        return main(['annotate', *quick, str(source), *wanted])

    assert run(sound) == 0
    folder = out / 'emissor' / 'talk'
    assert {one.name for one in folder.iterdir()} == {'talk.json', 'text.json'}
    assert [one.stat().st_mode & 0o777 for one in folder.iterdir()] == [0o600] * 2
    assert folder.stat().st_mode & 0o777 == 0o700
    count = len((out / 'talk.jsonl').read_text().splitlines())
    assert len(read_emissor(out / 'emissor').signals) == count > 2
    assert run(sound) == 1, 'it is there'
    assert run(sound, '--force') == 0
    assert run(corpus, '--force') == 0
    assert len(read_emissor(out / 'emissor').signals) == count
