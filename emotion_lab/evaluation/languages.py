"""Measure languages: which one Whisper settles on, and what its translation of German is worth.

Each speaker of RAVDESS (English), EMO-DB (German), nEMO (Polish) and ASED (Amharic) says several
utterances, one after the other. Beside the language that `SpokenLanguage` chooses for each stands
the one that the utterance alone would have been taken for.

The ten sentences of EMO-DB are known in German and English. The files of some copies of EMO-DB
end after 2 s, in the middle of a long sentence: words count as errors up to the place in the
sentence that fits best, and the English as far as it is said.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.decoding import Decoder, add_decoder_arguments, load_decoder
from emotion_lab.data.metrics import word_errors
from emotion_lab.data.recordings import read_samples
from emotion_lab.data.splitting import Splitter
from emotion_lab.data.spoken import EMODB_TEXTS, SpokenClip, normal_words, spoken_clips
from emotion_node.backends.hallucinations import hallucinated
from emotion_node.backends.whisper_confidence import confidence
from emotion_node.backends.whisper_language import SpokenLanguage
from emotion_node.datatypes import SAMPLE_RATE

SPEAKERS: Final = 6
"""Of each corpus."""
UTTERANCES: Final = 6
"""Of each speaker."""
REPEATS: Final = 4
"""Recordings of each sentence of EMO-DB."""
CORPORA: Final = {'RAVDESS': 'en', 'EMO-DB': 'de', 'nEMO': 'pl', 'ASED': 'am'}


def _ased(root: Path) -> Iterator[SpokenClip]:
    for path in sorted((root / 'ased').glob('*-*-*-*-*.opus')):
        speaker = path.stem.split('-')[4]
        read = functools.partial(read_samples, path)
        yield SpokenClip('ASED', path.stem, speaker, 'am', '', read)


def speakers(root: Path, count: int = SPEAKERS) -> dict[str, list[list[SpokenClip]]]:
    """Return the first utterances of the speakers of each corpus that is there.

    Args:
        root: folder of the data sets.
        count: speakers of each corpus.
    """
    every = spoken_clips(root, limit=10_000) | {'ASED': list(_ased(root))}
    rng = np.random.default_rng(0)
    chosen: dict[str, list[list[SpokenClip]]] = {}
    for corpus in CORPORA:
        by_speaker: dict[str, list[SpokenClip]] = {}
        for clip in every.get(corpus, ()):
            by_speaker.setdefault(clip.speaker, []).append(clip)
        names = sorted(name for name, some in by_speaker.items() if len(some) >= UTTERANCES)
        chosen[corpus] = [
            [by_speaker[name][k] for k in rng.permutation(len(by_speaker[name]))[:UTTERANCES]]
            for name in names[:: max(1, len(names) // count)][:count]
        ]
    return {corpus: some for corpus, some in chosen.items() if some}


def settle(decoder: Decoder, splitter: Splitter, clips: Sequence[SpokenClip]) -> dict[str, Any]:
    """Return what is chosen while somebody speaks.

    Returns:
        `alone` and `chosen`, the tags of each utterance; `settled`, the language in the end, empty
        for none; `seconds`, of speech until then; `confidence` of each utterance's words.
    """
    spoken = SpokenLanguage()
    alone, chosen, sure = [], [], []
    heard = seconds = 0.0
    for clip in clips:
        for samples in splitter.utterances(clip.read()):
            length = len(samples) / SAMPLE_RATE
            probabilities = decoder.languages(samples)
            alone.append(max(probabilities, key=lambda tag: probabilities[tag]))
            chosen.append(spoken.choose(functools.partial(dict, probabilities), length))
            segments = decoder.segments(samples, chosen[-1])
            kept = [one for one in segments if not hallucinated(one, length)]
            sure.append(confidence(kept) if kept else 0.0)
            spoken.commit(sure[-1])
            heard += length
            if spoken.settled and not seconds:
                seconds = heard
    return {
        'alone': alone,
        'chosen': chosen,
        'settled': spoken.settled,
        'seconds': seconds,
        'confidence': sure,
    }


def prefix_errors(expected: Sequence[str], said: Sequence[str]) -> tuple[int, int]:
    """Return the fewest word errors against any beginning of a sentence, and its length."""
    return min((word_errors(expected[:end], said), -end) for end in range(1, len(expected) + 1))


def translate(
    decoder: Decoder, splitter: Splitter, root: Path, repeats: int = REPEATS
) -> list[dict[str, Any]]:
    """Return, for each sentence of EMO-DB, how it is recognised and translated.

    Args:
        decoder: Whisper.
        splitter: finds the utterances.
        root: folder of the data sets.
        repeats: recordings of each sentence.
    """
    clips = spoken_clips(root, limit=10_000).get('EMO-DB', [])
    rng = np.random.default_rng(0)
    rows = []
    for code, (german, english) in track(
        EMODB_TEXTS.items(), 'translating', console=Console(stderr=True), transient=True
    ):
        some = [clip for clip in clips if clip.name[2:5] == code]
        errors = length = 0
        shares: list[float] = []
        translations: Counter[str] = Counter()
        for index in sorted(rng.permutation(len(some))[:repeats]):
            pieces = splitter.utterances(some[index].read())
            texts = [
                ' '.join(
                    segment.text.strip()
                    for piece in pieces
                    for segment in decoder.segments(piece, 'de', task)
                )
                for task in ('transcribe', 'translate')
            ]
            expected = normal_words(german, 'de')
            wrong, end = prefix_errors(expected, normal_words(texts[0], 'de'))
            errors, length = errors + wrong, length - end
            written = normal_words(texts[1], 'en')
            known = set(normal_words(english, 'en'))
            shares.append(float(np.mean([word in known for word in written])) if written else 0.0)
            translations[texts[1]] += 1
        rows.append(
            {
                'german': german,
                'english': english,
                'recordings': sum(translations.values()),
                'word_error_rate': errors / max(length, 1),
                'words_in_common': float(np.mean(shares)) if shares else 0.0,
                'translations': [text for text, _ in translations.most_common()],
            }
        )
    return rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    add_decoder_arguments(parser)
    parser.add_argument(
        '--speakers', type=int, default=SPEAKERS, help='of each corpus; default %(default)s'
    )
    parser.add_argument(
        '--repeats',
        type=int,
        default=REPEATS,
        help='recordings of each sentence of EMO-DB; default %(default)s',
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return `settling`, by corpus the results of `settle`, and `translation`, of `translate`."""
    decoder = load_decoder(args)
    splitter = Splitter()
    root = data_root(args.data)
    work = [
        (corpus, clips) for corpus, some in speakers(root, args.speakers).items() for clips in some
    ]
    settling: dict[str, list[dict[str, Any]]] = {}
    for corpus, clips in track(work, 'settling', console=Console(stderr=True), transient=True):
        settling.setdefault(corpus, []).append(settle(decoder, splitter, clips))
    return {'settling': settling, 'translation': translate(decoder, splitter, root, args.repeats)}


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    print(json.dumps(figures) if args.json else markdown(figures))
    return 0


def markdown(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    lines = [
        '| speech | language | speakers | settled on | after | utterances right, each alone '
        '| as chosen | confidence |',
        '|---|---|--:|---|--:|--:|--:|--:|',
    ]
    for corpus, some in figures['settling'].items():
        language = CORPORA[corpus]
        settled = Counter(one['settled'] or 'none' for one in some)
        seconds = [one['seconds'] for one in some if one['settled']]
        shares = [
            float(np.mean([tag == language for one in some for tag in one[key]]))
            for key in ('alone', 'chosen')
        ]
        sure = float(np.mean([value for one in some for value in one['confidence']]))
        lines.append(
            f'| {corpus} | {language} | {len(some)} '
            f'| {", ".join(f"{tag} {count}" for tag, count in settled.most_common())} '
            f'| {f"{np.median(seconds):.1f} s" if seconds else "-"} '
            f'| {shares[0]:.0%} | {shares[1]:.0%} | {sure:.2f} |'
        )
    lines += [
        '',
        '| German | published English | Whisper translates | word errors in German '
        '| words of the published English |',
        '|---|---|---|--:|--:|',
    ]
    lines += [
        f'| {row["german"]} | {row["english"]} | {" / ".join(row["translations"])} '
        f'| {row["word_error_rate"]:.0%} | {row["words_in_common"]:.0%} |'
        for row in figures['translation']
    ]
    return '\n'.join(lines)
