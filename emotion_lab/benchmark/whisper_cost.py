"""Measure Whisper's cost on this machine: models of real size with RANDOM weights.

No trained weights are needed: time and memory do not depend on their values. Each model is made in
transformers, converted to int8 by CTranslate2, and run as in the node, with five beams; decoding
is limited to the number of tokens that the speech would have. The words are meaningless.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np
import torch
from ctranslate2.converters import TransformersConverter
from tqdm import tqdm
from transformers import WhisperConfig, WhisperForConditionalGeneration

VOCABULARY: Final = 51865
PROMPT: Final = (50258, 50259, 50359, 50363)
"""<|startoftranscript|><|en|><|transcribe|><|notimestamps|>"""
END_OF_TEXT: Final = 50257
MELS: Final = 80
FRAMES_PER_S: Final = 100
TOKENS_PER_S: Final = 4
TOKENS_BESIDES: Final = 4
BEAMS: Final = 5


@dataclass(frozen=True, slots=True)
class Size:
    """Dimensions of a published Whisper model.

    Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, table 1.
    """

    name: str
    layers: int
    width: int
    heads: int


SIZES: Final = (Size('whisper-tiny', 4, 384, 6), Size('whisper-base', 6, 512, 8))


def make_model(size: Size, folder: Path) -> int:
    """Write an int8 model with random weights, and return its number of weights."""
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=VOCABULARY,
        num_mel_bins=MELS,
        encoder_layers=size.layers,
        decoder_layers=size.layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        d_model=size.width,
        encoder_ffn_dim=4 * size.width,
        decoder_ffn_dim=4 * size.width,
    )
    model = WhisperForConditionalGeneration(config)
    plain = folder / 'transformers'
    model.save_pretrained(plain)
    _write_tokenizer(plain)
    TransformersConverter(str(plain)).convert(str(folder / 'int8'), quantization='int8')
    return sum(one.numel() for one in model.parameters())


def _write_tokenizer(folder: Path) -> None:
    """Write a tokenizer with the right number of tokens, which is all that the converter needs."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    special = {
        END_OF_TEXT: '<|endoftext|>',
        50258: '<|startoftranscript|>',
        50259: '<|en|>',
        50358: '<|translate|>',
        50359: '<|transcribe|>',
        50360: '<|startoflm|>',
        50361: '<|startofprev|>',
        50362: '<|nospeech|>',
        50363: '<|notimestamps|>',
        50364: '<|0.00|>',
    }
    vocabulary = {special.get(n, f't{n}'): n for n in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token='t0'))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)


def measure(
    folder: Path, speech_s: float, window_s: float, threads: int, runs: int
) -> dict[str, Any]:
    """Return the median times in ms of encoder and decoder for one utterance."""
    before_mb = resident_mb()
    model = ctranslate2.models.Whisper(
        str(folder), device='cpu', compute_type='int8', intra_threads=threads
    )
    rng = np.random.default_rng(0)
    features = rng.normal(0, 0.5, (1, MELS, round(window_s * FRAMES_PER_S))).astype(np.float32)
    tokens = round(TOKENS_PER_S * speech_s) + TOKENS_BESIDES
    encoding, decoding = [], []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        encoded = model.encode(ctranslate2.StorageView.from_array(features))
        middle = time.perf_counter()
        model.generate(
            encoded,
            [list(PROMPT)],
            beam_size=BEAMS,
            max_length=len(PROMPT) + tokens,
            suppress_blank=False,
            suppress_tokens=[END_OF_TEXT],
        )
        encoding.append(1000 * (middle - begin))
        decoding.append(1000 * (time.perf_counter() - middle))
    # The first call allocates memory.
    encoder, decoder = float(np.median(encoding[1:])), float(np.median(decoding[1:]))
    return {
        'window_s': window_s,
        'speech_s': speech_s,
        'tokens': tokens,
        'encoder_ms': encoder,
        'decoder_ms': decoder,
        'total_ms': encoder + decoder,
        'memory_mb': resident_mb() - before_mb,
        'real_time_factor': (encoder + decoder) / 1000 / speech_s,
    }


def resident_mb() -> float:
    """Return the resident memory of this process, in MB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


def main(args: Sequence[str] | None = None) -> int:
    """Measure all sizes, and print the figures."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab.benchmark.whisper_cost',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--speech', type=float, default=3.0, help='s; default %(default)s')
    parser.add_argument(
        '--windows', type=float, nargs='+', default=[30.0, 10.0], help='s; default 30 10'
    )
    parser.add_argument('--threads', type=int, default=2, help='default %(default)s')
    parser.add_argument('--runs', type=int, default=7, help='default %(default)s')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures')
    given = parser.parse_args(args)
    found: list[dict[str, Any]] = []
    for size in tqdm(SIZES, desc='models'):
        with tempfile.TemporaryDirectory() as name:
            weights = make_model(size, Path(name))
            file_mb = (Path(name) / 'int8' / 'model.bin').stat().st_size / 1e6
            for window_s in given.windows:
                figures = measure(
                    Path(name) / 'int8', given.speech, window_s, given.threads, given.runs
                )
                found.append(
                    {'model': size.name, 'weights': weights, 'file_mb': file_mb, **figures}
                )
    report = {
        'what': 'models of real size with random weights in int8',
        'threads': given.threads,
        'models': found,
    }
    if given.json:
        given.json.write_text(json.dumps(report, indent=2))
    print(f'{report["what"]}; {given.threads} threads, {BEAMS} beams')
    columns = ('model', 'weights', 'file', 'window', 'speech', 'tokens', 'encoder', 'decoder')
    print(f'| {" | ".join((*columns, "together", "memory"))} |')
    print('|---' + '|--:' * 9 + '|')
    for one in found:
        print(
            f'| {one["model"]} | {one["weights"] / 1e6:.0f} M | {one["file_mb"]:.0f} MB '
            f'| {one["window_s"]:g} s | {one["speech_s"]:g} s | {one["tokens"]} '
            f'| {one["encoder_ms"]:.0f} ms | {one["decoder_ms"]:.0f} ms '
            f'| {one["total_ms"]:.0f} ms, {one["real_time_factor"]:.2f} of real time '
            f'| {one["memory_mb"]:.0f} MB |'
        )
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
