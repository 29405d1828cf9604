"""Draw the weighted F1 of the fusion by coverage: an image for the documents.

python -m emotion_lab evaluate fusion --json > fusion.json
.venv-demo/bin/python docs/draw_fusion.py fusion.json docs/fusion.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt

INK = '#22262b'
LINES = {'fused': '#3b6fb6', 'text': '#9aa0a6'}
NAMES = {'fused': 'text, simulated voice and face', 'text': 'text alone'}


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('figures', type=Path, help='JSON of evaluate fusion')
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    figures = json.loads(args.figures.read_text())
    curves = {'text': figures['text_coverage'], 'fused': figures.get('coverage', [])}

    plt.rcParams.update({'font.family': 'DejaVu Sans', 'text.color': INK})
    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110, facecolor='white')
    for name, curve in curves.items():
        if not curve:
            continue
        shares, scores = zip(*curve, strict=True)
        axes.plot(
            [100 * share for share in shares],
            scores,
            color=LINES[name],
            marker='o',
            markersize=4,
            label=NAMES[name],
        )
    axes.set_xlabel('share of utterances answered, most confident first (%)')
    axes.set_ylabel('weighted F1')
    axes.invert_xaxis()
    axes.grid(color='#e4e7eb')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False)
    axes.set_title(f'{figures["data"]}, as transcribed by people', fontsize=10)
    figure.tight_layout()
    figure.savefig(args.output)


if __name__ == '__main__':
    main()
