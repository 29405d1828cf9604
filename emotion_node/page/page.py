"""The elements of the page, and how they follow the state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from emotion_node.datatypes import NS_PER_S, EmotionReport, ModalityEmotion
from emotion_node.display.live_state import (
    HealthEntry,
    LiveState,
    LiveView,
    speaker_name,
)
from emotion_node.display.palette import emotion_colour
from emotion_node.display.words import no_words, reason_words
from emotion_node.labels import LABELS
from emotion_node.page.drawings import boxes_svg, curve_options

PERIOD_S: Final = 0.2
"""How often an open page is brought up to date."""
SHOWN_FINALS: Final = 20
_CURVES_EVERY: Final = 5
"""The curves are drawn anew with every fifth update at most: they cost most."""
_DEFAULT_HEIGHT: Final = 480
"""Of frames, in pixels, until the browser has loaded the first."""
_HEALTH_NAMES: Final = {
    'audio': 'Microphone',
    'image': 'Camera',
    'hearing': 'Hearing',
    'analysis': 'Analysis',
    'state': 'Node',
    'node': 'Node',
}
_ICONS: Final = {
    'ok': ('check_circle', '#46a758'),
    'warn': ('warning', '#f2b705'),
    'stale': ('hourglass_empty', '#f76b15'),
    'error': ('error', '#e5484d'),
}
_STYLE: Final = (Path(__file__).parent / 'page.css').read_text(encoding='utf-8')


class Page:
    """One open page.

    Args:
        title: heading, such as the namespace of the node.
        state: what is shown.
        newest_frame: returns the number of the newest frame of the camera; 0 when there is none.
    """

    def __init__(self, title: str, state: LiveState, newest_frame: Callable[[], int]) -> None:
        self._state = state
        self._newest_frame = newest_frame
        self._frame_height = _DEFAULT_HEIGHT
        self._revision: int | None = None
        self._drawn: tuple[int, int] = (-1, -1)
        self._updates = 0
        self._curves_due = False
        self._newest: EmotionReport | None = None
        self._cards: list[ui.element] = []
        self._charts: dict[str, ui.echart] = {}
        ui.add_css(_STYLE)
        dark = ui.dark_mode(None)
        with ui.element('header').classes('bar'):
            ui.label(title).classes('title')
            self._latency = ui.label().classes('muted')
            ui.button(icon='contrast', on_click=lambda: _turn(dark)).props(
                'flat round dense aria-label="light or dark"'
            )
        with ui.element('main').classes('grid'):
            with ui.element('section').classes('panel camera'):
                self._image = ui.interactive_image().classes('frame')
                self._image.on('loaded', self._note_size)
                self._no_image = ui.label('no camera image').classes('muted empty')
            with ui.element('section').classes('panel now'):
                self._speaker = ui.label().classes('speaker')
                self._words = ui.label().classes('words')
                self._label = ui.label().classes('label')
                self._bars = [_bar(label) for label in LABELS]
            with ui.element('section').classes('panel health'):
                ui.label('Input and node').classes('heading')
                self._health = ui.element('div')
            with ui.element('section').classes('panel curves'):
                ui.label('Emotions over time').classes('heading')
                self._no_curves = ui.label('nothing yet').classes('muted')
                self._curves = ui.element('div')
            with ui.element('section').classes('panel list'):
                ui.label('Utterances').classes('heading')
                self._no_finals = ui.label('nothing yet').classes('muted')
                self._list = ui.element('div')
        self._health_shown: tuple[HealthEntry, ...] | None = None
        self.update()
        ui.timer(PERIOD_S, self.update)

    def update(self) -> None:
        """Show what has changed."""
        view = self._state.view(time.monotonic())
        self._updates += 1
        if view.revision != self._revision:
            self._revision = view.revision
            self._curves_due = True
            self._show_now(view)
            self._show_finals(view)
            self._show_health(view.health)
        if self._curves_due and self._updates % _CURVES_EVERY == 0:
            self._curves_due = False
            self._show_curves(view)
        self._show_frame(view)

    def _show_now(self, view: LiveView) -> None:
        report = view.interim or (None if view.under_way or not view.finals else view.finals[-1])
        who = 'nobody has spoken yet'
        if view.speaking:
            who = 'somebody is speaking'
        elif view.under_way:
            who = 'analysing'
        elif report is not None:
            who = speaker_name(report)
        self._speaker.set_text(who)
        words = view.words if view.under_way else (_said(report) if report else '')
        self._words.set_text(words)
        label = report.fused.label if report else ''
        self._label.set_text(
            f'{label} {report.fused.confidence:.2f}' if report and label else 'emotion unknown'
        )
        self._label.style(f'color: {emotion_colour(label)}')
        scores = None if report is None else report.fused.scores
        for at, bar in enumerate(self._bars):
            bar.style(f'width: {0.0 if scores is None else 100 * float(scores[at]):.0f}%')
        latency = view.median_latency_s
        self._latency.set_text('' if math.isnan(latency) else f'median latency {latency:.2f} s')

    def _show_finals(self, view: LiveView) -> None:
        at = [number for number, one in enumerate(view.finals) if one is self._newest]
        fresh = view.finals[at[-1] + 1 if at else 0 :][-SHOWN_FINALS:]
        self._no_finals.set_visibility(not view.finals)
        for report in fresh:
            with self._list:
                card = _card(report)
            card.move(target_index=0)
            self._cards.append(card)
            self._newest = report
        while len(self._cards) > SHOWN_FINALS:
            self._cards.pop(0).delete()

    def _show_health(self, entries: tuple[HealthEntry, ...]) -> None:
        if entries == self._health_shown:
            return
        self._health_shown = entries
        self._health.clear()
        with self._health:
            for entry in entries:
                icon, colour = _ICONS.get(entry.level, _ICONS['error'])
                with ui.element('div').classes('entry'):
                    ui.icon(icon).style(f'color: {colour}')
                    ui.label(_HEALTH_NAMES.get(entry.name, entry.name)).classes('part')
                    ui.label(entry.text).classes('text')

    def _show_curves(self, view: LiveView) -> None:
        newest = max((points[-1].stamp_ns for points in view.curves.values()), default=0)
        self._no_curves.set_visibility(not view.curves)
        for name in [one for one in self._charts if one not in view.curves]:
            self._charts.pop(name).delete()
        for name, points in view.curves.items():
            options = curve_options(name, points, newest)
            chart = self._charts.get(name)
            if chart is None:
                with self._curves:
                    self._charts[name] = ui.echart(options, renderer='svg').classes('chart')
            else:
                chart.options.clear()
                chart.options.update(options)
                chart.update()

    def _show_frame(self, view: LiveView) -> None:
        number = self._newest_frame()
        self._image.set_visibility(number > 0)
        self._no_image.set_visibility(number == 0)
        if not number or self._drawn == (number, view.faces_revision):
            return
        self._drawn = (number, view.faces_revision)
        self._image.set_content(boxes_svg(view.faces, self._frame_height))
        self._image.set_source(f'/frame/{number}')

    def _note_size(self, event: GenericEventArguments) -> None:
        self._frame_height = int(event.args['height']) or _DEFAULT_HEIGHT


def _turn(dark: ui.dark_mode) -> None:
    dark.set_value(not dark.value)


def _said(report: EmotionReport) -> str:
    return report.transcript.text or f'({no_words(report)})'


def _bar(label: str) -> ui.element:
    """Make a row with a label and a bar; returns the bar."""
    with ui.element('div').classes('row'):
        ui.label(label).classes('name').style(f'--emotion: {emotion_colour(label)}')
        with ui.element('div').classes('track'):
            return (
                ui.element('div')
                .classes('fill')
                .style(f'background: {emotion_colour(label)}; width: 0%')
            )


def _card(report: EmotionReport) -> ui.element:
    fused = report.fused
    card = (
        ui.element('article').classes('card').style(f'border-color: {emotion_colour(fused.label)}')
    )
    with card:
        with ui.element('div').classes('head'):
            ui.label(speaker_name(report)).classes('who')
            label = f'{fused.label} {fused.confidence:.2f}' if fused.label else 'emotion unknown'
            ui.label(label).style(f'color: {emotion_colour(fused.label)}').classes('emotion')
        ui.label(_said(report)).classes('said')
        with ui.element('div').classes('evidence'):
            for one in (fused.text, fused.voice, fused.face):
                ui.label(_modality(one)).classes('chip' if one.available else 'chip absent')
            if report.total_latency_ns > 0:
                ui.label(f'after {report.total_latency_ns / NS_PER_S:.2f} s').classes('chip')
    return card


def _modality(one: ModalityEmotion) -> str:
    if one.available:
        return f'{one.modality} {one.label} {one.confidence:.2f}'
    return f'{one.modality}: {reason_words(one.reason)}'
