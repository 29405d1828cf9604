"""Draws an utterance's way through the stages on a time axis: a picture for the README.

python -m emotion_node bench --json bench.json
.venv-demo/bin/python docs/draw_timeline.py bench.json docs/timeline.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

INK = '#22262b'
FAINT = '#9aa0a6'
SPEECH = '#dfe6ee'
SILENCE = '#f6e3c5'
ANSWER = '#d7263d'
STAGES = {
    'transcription (while speaking)': ('words', '#3b6fb6'),
    'transcription (in pauses)': ('words', '#3b6fb6'),
    'transcription (after speech)': ('words', '#3b6fb6'),
    'sight': ('pictures', '#8a6fb8'),
    'voice emotion': ('voice', '#ee8434'),
    'vocal cues': ('voice', '#ee8434'),
    'speaker': ('speaker', '#c2b280'),
    'face emotion': ('face', '#4c9f50'),
    'text emotion': ('text', '#17a2a2'),
    'fusion': ('fusion', '#6b3e26'),
}
LANES = ('pictures', 'words', 'voice', 'speaker', 'face', 'text', 'fusion')
NAMES = {
    'node': 'the node',
    'sequential_same_silence': 'everything after {standing_silence_s:g} s of silence',
    'sequential': 'everything after {sequential_silence_s:g} s of silence',
}
FRAME_S = 0.004
"""Bars are at least so wide, so that short stages show."""


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('figures', type=Path, help='JSON of bench')
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    report = json.loads(args.figures.read_text())
    story = report['timeline']
    if story is None:
        parser.error(f'{args.figures} holds no timeline')
    ways = {name: way for name, way in story['ways'].items() if name in NAMES}
    if 'sequential' in ways:
        ways.pop('sequential_same_silence', None)

    plt.rcParams.update({'font.family': 'DejaVu Sans', 'font.size': 9, 'text.color': INK})
    last = max(way['published'] for way in ways.values())
    heights = [1.1, *(2.0 for _ in ways)]
    figure, rows = plt.subplots(
        len(heights),
        figsize=(10, 1.9 * sum(heights) / 1.6),
        dpi=110,
        sharex=True,
        facecolor='white',
        gridspec_kw={'height_ratios': heights},
    )
    draw_sound(rows[0], story)
    for axes, (name, way) in zip(rows[1:], ways.items(), strict=True):
        draw_way(axes, way, story['end'], NAMES[name].format(**report))
    rows[-1].set_xlim(-0.25, last + 0.45)
    rows[-1].set_xlabel('seconds from the true start of speech')
    figure.tight_layout()
    figure.savefig(args.output)


def draw_sound(axes: Axes, story: dict[str, Any]) -> None:
    """Draw the sound, with the words."""
    sound, step = story['sound'], story['sound_step']
    times = [story['sound_start'] + (place + 0.5) * step for place in range(len(sound))]
    axes.fill_between(times, sound, [-one for one in sound], color=FAINT, linewidth=0)
    axes.axvspan(0, story['end'], color=SPEECH, zorder=0)
    axes.set_title(f'\u201c{story["words"]}\u201d', fontsize=11, loc='left')
    axes.set_yticks([])
    axes.spines[['top', 'right', 'left']].set_visible(False)


def draw_way(axes: Axes, way: dict[str, Any], end: float, title: str) -> None:
    """Draw what one arrangement made of it."""
    axes.axvspan(0, end, color=SPEECH, zorder=0)
    axes.axvspan(end, way['decided'], color=SILENCE, zorder=0)
    lanes = {lane: -place for place, lane in enumerate(LANES)}
    for one in way['stages']:
        if one['stage'] in STAGES:
            lane, colour = STAGES[one['stage']]
            width = max(one['end'] - one['begin'], FRAME_S)
            axes.barh(lanes[lane], width, 0.72, one['begin'], color=colour, linewidth=0)
    for one in way['interims']:
        axes.plot(one['at'], 1.1, marker='v', color=INK, markersize=5)
    for at in way['start_told'][:1]:
        axes.plot(at, 1.1, marker='>', color=INK, markersize=5)
    axes.axvline(way['decided'], color=INK, linewidth=1, linestyle=':')
    axes.axvline(way['published'], color=ANSWER, linewidth=1.6)
    axes.text(
        way['published'] + 0.02,
        1.1,
        f'{way["label"] or "unknown"}: {1000 * (way["published"] - end):.0f} ms',
        color=ANSWER,
        va='center',
        fontweight='bold',
    )
    axes.text(way['published'] + 0.02, 0.1, 'after the end of speech', color=ANSWER, va='center')
    axes.set_yticks([1.1, *lanes.values()], ['told', *lanes])
    axes.tick_params(axis='y', length=0)
    axes.set_ylim(-len(LANES) + 0.4, 1.8)
    axes.set_title(
        f'{title}   (\u25b8 start told, \u25be interim estimate, \u2026 end decided)',
        fontsize=9,
        loc='left',
    )
    axes.spines[['top', 'right', 'left']].set_visible(False)


if __name__ == '__main__':
    main()
