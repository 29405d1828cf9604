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

from emotion_node.datatypes import NS_PER_S
from emotion_node.display.terminal import emotion_block

WIDTH = 100
"""Columns; the view uses as many at most."""


def main() -> None:
    """Draw the image."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'emotions', type=Path, help='lines of JSON as demo --keep and view --save write them'
    )
    parser.add_argument('image', type=Path, help='.svg to write')
    parser.add_argument('utterances', nargs='*', help='ids to show; all by default')
    given = parser.parse_args()
    console = Console(file=io.StringIO(), record=True, width=WIDTH)
    lines = given.emotions.read_text(encoding='utf-8').splitlines()
    finals = [one for one in map(json.loads, lines) if one['trigger'] == 'final']
    for record in finals:
        if not given.utterances or record['utterance_id'] in given.utterances:
            since_s = (record['start'] - finals[0]['start']) / NS_PER_S
            console.print(Padding(emotion_block(record, since_s), (0, 0, 1, 0)))
    console.save_svg(str(given.image), title='python -m emotion_node view')


if __name__ == '__main__':
    main()
