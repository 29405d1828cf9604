"""Draws utterances as the view shows them in a terminal: an image in the README.

python -m emotion_node demo --keep emotions.jsonl
python docs/draw_view.py emotions.jsonl docs/view.svg u2 u4 u6 u12
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from rich.console import Console
from rich.padding import Padding

from emotion_node.datatypes import NS_PER_S, Trigger
from emotion_node.display.terminal import emotion_block
from emotion_node.messages.emotion import decode_emotion

WIDTH = 100
"""Columns: the most that the view uses."""


def main() -> None:
    """Draw the image."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'emotions', type=Path, help='JSON lines written by demo --keep or view --save'
    )
    parser.add_argument('image', type=Path, help='.svg to write')
    parser.add_argument('utterances', nargs='*', help='ids to show; all by default')
    given = parser.parse_args()
    console = Console(file=io.StringIO(), record=True, width=WIDTH)
    lines = given.emotions.read_text(encoding='utf-8').splitlines()
    reports = [decode_emotion(json.loads(line)) for line in lines]
    finals = [report for report in reports if report.trigger is Trigger.FINAL]
    for report in finals:
        if not given.utterances or report.utterance_id in given.utterances:
            since_s = (report.start_ns - finals[0].start_ns) / NS_PER_S
            console.print(Padding(emotion_block(report, since_s), (0, 0, 1, 0)))
    console.save_svg(str(given.image), title='python -m emotion_node view')


if __name__ == '__main__':
    main()
