"""Faces and curves are drawn from numbers; text of peers stays text."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from emotion_node.datatypes import NS_PER_S
from emotion_node.display.live_state import FaceBox, Point
from emotion_node.labels import LABELS
from emotion_node.page.drawings import CURVE_SPAN_S, boxes_svg, curve_options

TEXT = st.text(st.characters(exclude_categories=('Cc', 'Cs'), exclude_characters='\ufffe\uffff'))


@given(TEXT, st.floats(0, 1))
def test_the_id_of_a_face_is_text_whatever_it_holds(face_id: str, score: float) -> None:
    svg = boxes_svg([FaceBox(face_id, 3, 40, 20, 30, score)], 480)
    rect, text = ElementTree.fromstring(f'<svg>{svg}</svg>')
    assert (rect.tag, text.tag) == ('rect', 'text')
    assert text.text == face_id + ' speaks' * (score >= 0.5) or not face_id


def points(*stamps: tuple[float, str]) -> list[Point]:
    scores = tuple(1.0 if at == 1 else 0.0 for at in range(len(LABELS)))
    return [Point(round(s * NS_PER_S), scores, True, utterance) for s, utterance in stamps]


def test_a_curve_is_interrupted_between_utterances_and_forgets_what_is_long_ago() -> None:
    told = points((0.0, 'u1'), (70.0, 'u2'), (71.0, 'u2'), (75.0, 'u3'))
    options = curve_options('s1', told, 75 * NS_PER_S)
    assert [one['name'] for one in options['series']] == list(LABELS)
    joy = options['series'][LABELS.index('joy')]['data']
    assert [one['value'] if isinstance(one, dict) else one for one in joy] == [
        [-5.0, None], [-5.0, 1.0], [-4.0, 1.0], [0.0, None], [0.0, 1.0],
    ]  # fmt: skip
    assert options['xAxis']['min'] == -CURVE_SPAN_S
