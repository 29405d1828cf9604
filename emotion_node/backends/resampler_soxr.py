"""Resampling by soxr, the SoX resampler library."""

from __future__ import annotations

import numpy as np
import soxr

from emotion_node.datatypes import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, SAMPLE_RATE, FloatArray


class SoxrResampler:
    """Converts mono audio of one rate to `SAMPLE_RATE`, chunk by chunk, without clicks.

    Output sample k lies at the time of input time k / `SAMPLE_RATE`; n input samples give
    round(n * SAMPLE_RATE / rate) output samples, the same whatever the chunks. The filter (soxr's
    "HQ": 20 bit, linear phase) has a look-ahead, so output comes 40 ms after the input at 44.1 and
    48 kHz and up to 120 ms after it at 8 kHz. At `SAMPLE_RATE`, samples pass unchanged.

    Args:
        rate: of the input, in Hz, `MIN_SAMPLE_RATE` to `MAX_SAMPLE_RATE`.

    Raises:
        ValueError: `rate` is out of range.
    """

    def __init__(self, rate: int) -> None:
        if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            raise ValueError(
                f'sample rate: expected {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz, got {rate}'
            )
        self._stream = (
            None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, 'float32')
        )

    def process(self, samples: FloatArray, last: bool = False) -> FloatArray:
        """Return the output that is complete so far; with `last`, all the rest.

        Args:
            samples: (n,) float32 at the input rate; n may be 0.
            last: no more samples follow. The resampler is then ready for a new signal.

        Returns:
            (m,) float32 at `SAMPLE_RATE`.
        """
        if self._stream is None:
            return samples
        converted: FloatArray = self._stream.resample_chunk(
            np.ascontiguousarray(samples, dtype=np.float32), last=last
        )
        if last:
            self._stream.clear()
        return converted
