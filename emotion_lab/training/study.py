"""Repeat the table of the study that this project grew out of, on MELD, with this encoder.

A classifier fine-tuned on single utterances, and a support vector machine, XGBoost and logistic
regression on frozen sentence embeddings; each with all of MELD train and with "neutral"
downsampled, and with inputs cut to several lengths. Dev chooses one hyper-parameter of each
classifier (the epoch, C, the number of trees) by weighted F1; test is read once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from emotion_lab.training.study_cells import FINETUNED, KINDS, Figures, Meld, Study, cells
from emotion_lab.training.text_model import TextTraining
from emotion_node.cli.guard import guard
from emotion_node.labels import LABELS

EPILOG: Final = """\
Finished cells are kept in OUT/cells: an interrupted table is continued, and a finished one is
printed at once. Training continues from the last complete epoch; a running fit is completed before
an interrupt takes effect.

Examples:
  python -m emotion_lab train study
  python -m emotion_lab train study --only svm logistic --lengths 64 --json study.json
  python -m emotion_lab train study --only finetuned --seeds 0 1 2
"""

TITLES: Final = {
    FINETUNED: 'fine-tuned',
    'svm': 'frozen + SVM',
    'xgboost': 'frozen + XGBoost',
    'logistic': 'frozen + logistic regression',
}
SPLITS: Final = ('dev', 'test')
COLUMNS: Final = (
    *('classifier', 'tokens', 'train', 'accuracy', 'weighted F1', 'macro F1'),
    *LABELS,
)
DOWNSAMPLED: Final = 7279
"""Number of utterances that the study kept of MELD train's 9,989."""


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's arguments."""
    base = TextTraining()
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train study',
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--only', nargs='+', choices=KINDS, default=KINDS, help='classifiers; default all')
    add(
        '--lengths', nargs='+', type=int, default=[16, 32, 64], metavar='N',
        help='largest number of word pieces of an input; default 16 32 64, which cut 31, 3 and '
        '0 %% of the utterances in train',
    )  # fmt: skip
    add(
        '--downsampled', type=int, default=DOWNSAMPLED, metavar='N',
        help='utterances of train that remain where "neutral" is downsampled; default %(default)s',
    )  # fmt: skip
    add(
        '--seeds', nargs='+', type=int, default=[0], metavar='N',
        help='seeds of training and of XGBoost; the table shows means over several; default 0',
    )  # fmt: skip
    add('--epochs', type=int, default=base.epochs, help='epochs of training; default %(default)s')
    add('--encoder', default='', help='folder of the encoder; default all-MiniLM-L6-v2')
    add('--data', default='', help='folder of the data sets, or EMOTION_DATA')
    add('--out', type=Path, default=Path('runs/study'), help='default %(default)s')
    add('--threads', type=int, default=base.threads, help='default %(default)s')
    add('--json', type=Path, metavar='FILE', help='write all figures there')
    add('--markdown', action='store_true', help='print the tables as Markdown')
    add('--verbose', action='store_true', help='print the traceback of an error')
    return parser.parse_args(args)


def run(args: argparse.Namespace) -> int:
    """Compute what is missing and print the table; return the exit status."""
    base = TextTraining(
        data=args.data, encoder=args.encoder, epochs=args.epochs, threads=args.threads
    )
    meld = Meld(base.data_folder)
    study = Study(meld, base, args.out)
    limits = (0, meld.neutral_limit(args.downsampled))
    wanted = cells(args.only, args.lengths, limits, args.seeds)
    found: list[Figures] = []
    try:
        with tqdm(wanted, unit='cell', dynamic_ncols=True) as progress:
            for cell in progress:
                progress.set_description(str(cell))
                found.append(study.compute(cell))
    except KeyboardInterrupt:
        print(
            f'\nInterrupted: {len(found)} of {len(wanted)} cells are in {args.out / "cells"}; '
            'the same command continues.',
            file=sys.stderr,
        )
        raise
    always = {
        split: meld.figures(split, np.zeros(len(meld.samples[split]), np.int64))
        for split in SPLITS
    }
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        report = {'always_neutral': always, 'cells': found}
        args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    for split in SPLITS:
        rows = list(table_rows(found, always, split))
        if args.markdown:
            print(f'\nMELD {split}\n\n{as_markdown(rows)}')
        else:
            Console(width=None if Console().is_terminal else 160).print(as_table(rows, split))
    return 0


def table_rows(
    found: Sequence[Figures], always: dict[str, Figures], split: str
) -> Iterator[tuple[str, ...]]:
    """Yield one row of `COLUMNS` for each training setting, the mean over its seeds."""
    yield ('always "neutral"', '', '', *_values([always[split]]))
    alike: dict[tuple[Any, ...], list[Figures]] = {}
    for cell in found:
        key = (TITLES[cell['classifier']], cell['tokens'], cell['train_utterances'])
        alike.setdefault(key, []).append(cell[split])
    for (title, tokens, train), figures in alike.items():
        yield (title, str(tokens), f'{train:,}', *_values(figures))


def _values(figures: Sequence[Figures]) -> list[str]:
    rows = [
        [*(one[name] for name in ('accuracy', 'weighted_f1', 'macro_f1')), *one['f1'].values()]
        for one in figures
    ]
    return [f'{value:.3f}' for value in np.mean(rows, axis=0)]


def as_table(rows: Sequence[Sequence[str]], split: str) -> Table:
    """Return the table of a split to print on a terminal."""
    table = Table(title=f'MELD {split}; F1 for each label')
    for name in COLUMNS:
        table.add_column(name, justify='left' if name == 'classifier' else 'right')
    for before, row in zip([rows[0], *rows], rows, strict=False):
        if before[0] != row[0]:
            table.add_section()
        table.add_row(*row)
    return table


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return the table of a split as Markdown."""
    ruler = ['---', *['--:'] * (len(COLUMNS) - 1)]
    return '\n'.join(f'| {" | ".join(row)} |' for row in (COLUMNS, ruler, *rows))


def main(args: Sequence[str] | None = None) -> int:
    """Make the table; return the exit status."""
    given = parse(args)
    return guard(lambda: run(given), verbose=given.verbose)
