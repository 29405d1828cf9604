"""Units that all records share."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 16_000
"""Sample rate of all audio after the resampler, in Hz."""

MIN_SAMPLE_RATE: Final = 8_000
MAX_SAMPLE_RATE: Final = 96_000
"""Limits of the sample rate of input audio, in Hz."""

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
NS_PER_SAMPLE: Final = NS_PER_S // SAMPLE_RATE
"""62,500: a whole number, so sample counts convert to stamps without rounding."""

SCORE_FLOOR: Final = 1e-6
"""A label's probability counts as at least this: no modality can rule a label out."""

FloatArray = npt.NDArray[np.float32]
