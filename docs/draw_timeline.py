"""Draw the timeline of an utterance through the stages: an image for the README.

python -m emotion_lab bench --json bench.json
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
    'transcription (audio)': ('words', '#3b6fb6'),
    'transcription (while speaking)': ('words', '#3b6fb6'),
    'transcription (in pauses)': ('words', '#3b6fb6'),
    'transcription (after speech)': ('words', '#3b6fb6'),
    'vision': ('frames', '#8a6fb8'),
    'voice emotion': ('voice', '#ee8434'),
    'face emotion': ('face', '#4c9f50'),
    'text emotion': ('text', '#17a2a2'),
    'fusion': ('fusion', '#6b3e26'),
}
LANES = ('frames', 'words', 'voice', 'face', 'text', 'fusion')
PUBLISHED = 1.1
SPECULATION = 'speculation'
NAMES = {
    'node': 'the node',
    'sequential_same_silence': 'everything after {standing_silence_s:g} s of silence, with torch',
    'sequential': 'everything after {sequential_silence_s:g} s of silence, with torch',
}
MIN_S = 0.0003
"""Shorter runs only store data, and are not drawn."""
ZOOM_BEFORE_S = 0.15
ZOOM_AFTER_S = 0.12


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

    plt.rcParams.update(
        {
            'font.family': 'DejaVu Sans',
            'font.size': 9,
            'axes.titlesize': 10,
            'text.color': INK,
        }
    )
    last, end, node = max(way['published'] for way in ways.values()), story['end'], ways['node']
    heights = [1.0, *(2.0 for _ in ways), 2.2]
    figure, rows = plt.subplots(
        len(heights),
        figsize=(10, 1.2 * sum(heights)),
        dpi=110,
        facecolor='white',
        gridspec_kw={'height_ratios': heights},
    )
    draw_sound(rows[0], story)
    for axes, (name, way) in zip(rows[1:-1], ways.items(), strict=True):
        draw_way(axes, way, end, 0.006)
        axes.set_title(NAMES[name].format(**report), loc='left')
    for axes in rows[:-1]:
        axes.set_xlim(-0.25, last + 0.18 * last)
    rows[1].set_title(
        '\u25b8 start reported   \u25be interim estimate   \u2502 final emotion',
        loc='right',
        color=FAINT,
    )
    rows[-2].set_xlabel('seconds from the true start of speech')
    draw_way(rows[-1], node, end, 0.0005)
    draw_end(rows[-1], node, end)
    rows[-1].set_title('the node, at the end of speech', loc='left')
    figure.tight_layout()
    figure.savefig(args.output)


def draw_sound(axes: Axes, story: dict[str, Any]) -> None:
    """Draw the waveform and the words."""
    sound, step = story['sound'], story['sound_step']
    times = [story['sound_start'] + (place + 0.5) * step for place in range(len(sound))]
    axes.fill_between(times, sound, [-one for one in sound], color=FAINT, linewidth=0)
    axes.axvspan(0, story['end'], color=SPEECH, zorder=0)
    axes.set_title(f'\u201c{story["words"]}\u201d', fontsize=11, loc='left')
    axes.set_yticks([])
    axes.spines[['top', 'right', 'left']].set_visible(False)


def draw_way(axes: Axes, way: dict[str, Any], end: float, least: float) -> None:
    """Draw the timeline of one arrangement; bars have a minimum width of `least` seconds."""
    axes.axvspan(0, end, color=SPEECH, zorder=0)
    axes.axvspan(end, way['decided'], color=SILENCE, zorder=0)
    lanes = {lane: -place for place, lane in enumerate(LANES)}
    for one in way['stages']:
        if one['stage'] in STAGES and one['end'] - one['begin'] >= MIN_S:
            lane, colour = STAGES[one['stage']]
            width = max(one['end'] - one['begin'], least)
            axes.barh(lanes[lane], width, 0.72, one['begin'], color=colour, linewidth=0)
    for one in way['interims']:
        axes.plot(one['at'], PUBLISHED, marker='v', color=INK, markersize=5, clip_on=True)
    for at in way['start_reported'][:1]:
        axes.plot(at, PUBLISHED, marker='>', color=INK, markersize=5, clip_on=True)
    axes.axvline(way['decided'], color=INK, linewidth=1, linestyle=':')
    axes.axvline(way['published'], color=ANSWER, linewidth=1.6)
    axes.annotate(
        f' {1000 * (way["published"] - end):.0f} ms after speech',
        (way['published'], PUBLISHED),
        color=ANSWER,
        va='center',
        fontweight='bold',
    )
    axes.set_yticks([PUBLISHED, *lanes.values()], ['published', *lanes])
    axes.tick_params(axis='y', length=0)
    axes.set_ylim(-len(LANES) + 0.4, 1.8)
    axes.spines[['top', 'right', 'left']].set_visible(False)


def draw_end(axes: Axes, way: dict[str, Any], end: float) -> None:
    """Zoom in to the time between the end of speech and the emotion, in milliseconds."""
    first, last = end - ZOOM_BEFORE_S, way['published'] + ZOOM_AFTER_S
    axes.set_xlim(first, last)
    ticks = [place / 20 for place in range(-2, 100) if end + place / 20 <= last]
    axes.set_xticks([end + tick for tick in ticks], [f'{1000 * tick:.0f}' for tick in ticks])
    axes.set_xlabel('milliseconds from the true end of speech')
    below = -len(LANES) + 0.55
    for one in way['stages']:
        if one['stage'] == SPECULATION and one['begin'] > end - ZOOM_BEFORE_S:
            axes.axvspan(one['begin'], one['end'], color='white', alpha=0.6, zorder=0.5)
            axes.text(
                one['begin'],
                below,
                'speculative, in case this is the end ',
                fontsize=8,
                va='bottom',
                ha='right',
            )
    axes.text(end, PUBLISHED + 0.35, ' end of speech', fontsize=8)
    axes.text(way['decided'], PUBLISHED + 0.35, 'end decided ', fontsize=8, ha='right')


if __name__ == '__main__':
    main()
