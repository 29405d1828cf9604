r"""Draws a recorded conversation as the node perceives it, with Whisper: the figure in the README.

python -m emotion_node annotate demo/conversation -o emotions.jsonl -p transcriber.backend:=whisper
PYTHONPATH="$PYTHONPATH:$(echo .venv-demo/lib/python*/site-packages)" \
    python docs/draw_overview.py demo/conversation emotions.jsonl docs/overview.png
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
import cv2
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from emotion_node.config import AudioConfig
from emotion_node.display.palette import emotion_colour
from emotion_node.labels import LABELS
from emotion_node.messages.audio import AUDIO_TYPES, decode_audio
from emotion_node.messages.emotion import decode_emotion
from emotion_node.messages.image import IMAGE_TYPES, decode_image
from emotion_node.recordings.bag import Bag

INK = '#22262b'


def read(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32], dict[int, Any]]:
    """Return times in s, samples, and frames by stamp in ns, all from the first sample on."""
    chunks, frames = [], {}
    with Bag(path) as bag:
        for message in bag.messages(None):
            msgtype = bag.topics[message.topic].msgtype
            if msgtype in AUDIO_TYPES:
                chunks.append(decode_audio(bag.decode(message), message.stamp_ns, AudioConfig()))
            elif msgtype in IMAGE_TYPES:
                frame = decode_image(bag.decode(message), message.stamp_ns)
                frames[frame.stamp_ns] = frame
    start_ns = chunks[0].stamp_ns
    samples = np.concatenate([chunk.samples[:, 0] for chunk in chunks]).astype(np.float32)
    times = np.arange(len(samples)) / chunks[0].rate
    return times, samples / 32768, {stamp - start_ns: frame for stamp, frame in frames.items()}


def show_frame(axes: Axes, frames: dict[int, Any], at_s: float) -> None:
    """Show the frame nearest to a time."""
    stamp = min(frames, key=lambda one: abs(one - at_s * 1e9))
    axes.imshow(cv2.cvtColor(frames[stamp].decode(), cv2.COLOR_BGR2RGB))
    axes.set_axis_off()


def main() -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('bag', type=Path)
    parser.add_argument('emotions', type=Path, help='JSON lines written by annotate')
    parser.add_argument('output', type=Path)
    parser.add_argument('--start', type=float, default=0.0, help='first second shown')
    parser.add_argument('--seconds', type=float, default=26.0, help='how many are shown')
    args = parser.parse_args()
    times, samples, frames = read(args.bag)
    lines = map(json.loads, args.emotions.read_text().splitlines())
    emotions = [(one['start_s'], one['end_s'], decode_emotion(one)) for one in lines]
    until = min(args.start + args.seconds, times[-1])
    shown = [one for one in emotions if args.start <= one[0] and one[1] <= until]

    plt.rcParams.update({'font.family': 'DejaVu Sans', 'text.color': INK})
    figure = plt.figure(figsize=(13, 3.9), dpi=110, facecolor='white')
    grid = figure.add_gridspec(
        3,
        5,
        height_ratios=[1.5, 1.0, 1.15],
        hspace=0.05,
        wspace=0.03,
        left=0.075,
        right=0.99,
        top=0.99,
        bottom=0.03,
    )
    for column in range(5):
        begin, end, _ = shown[min(len(shown) - 1, round(column * (len(shown) - 1) / 4))]
        show_frame(figure.add_subplot(grid[0, column]), frames, (begin + end) / 2)
    wave = figure.add_subplot(grid[1, :])
    step = 40
    inside = (times >= args.start) & (times <= until)
    t, x = times[inside], samples[inside]
    count = len(x) // step * step
    peaks = np.abs(x[:count]).reshape(-1, step).max(axis=1)
    wave.fill_between(t[:count:step], -peaks, peaks, color='#b9c0c8', linewidth=0)
    below = figure.add_subplot(grid[2, :], sharex=wave)
    below.set_ylim(0.38, 1)
    for begin, end, report in shown:
        colour = emotion_colour(report.fused.label)
        wave.axvspan(begin, end, color=colour, alpha=0.30, linewidth=0)
        left = begin
        scores = np.zeros(len(LABELS)) if report.fused.scores is None else report.fused.scores
        for label, score in zip(LABELS, scores, strict=True):
            width = float(score) * (end - begin)
            below.barh(0.88, width, 0.14, left, color=emotion_colour(label), linewidth=0)
            left += width
        name = report.fused.label or 'unknown'
        below.text(begin, 0.73, name, color=colour, fontsize=11, fontweight='bold', va='center')
        words = textwrap.fill(report.transcript.text, max(9, int((end - begin) * 7.5)))
        below.text(begin, 0.63, words, fontsize=8.5, va='top', linespacing=1.25)
    for axes in (wave, below):
        axes.set_xlim(args.start, until)
        axes.set_axis_off()
    for y, text in ((0.8, 'camera'), (0.45, 'microphone'), (0.265, 'emotion'), (0.1, 'words')):
        figure.text(0.068, y, text, fontsize=10, ha='right', va='center', color='#6b7280')
    figure.savefig(args.output)


if __name__ == '__main__':
    main()
