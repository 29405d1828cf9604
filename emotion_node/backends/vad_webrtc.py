"""Voice activity detection by WebRTC's detector, a Gaussian mixture model on six sub-bands.

Its source is WebRTC's common_audio/vad; the Python binding is webrtcvad-wheels.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import webrtcvad

from emotion_node.datatypes import SAMPLE_RATE, FloatArray

FRAME_LENGTHS: Final = (0.01, 0.02, 0.03)
SMOOTHING: Final = 0.08
"""Length in s of the window whose share of voiced frames is the probability."""
ONSET_DELAY_NS: Final = 45_000_000
RELEASE_DELAYS_NS: Final = (150_000_000, 150_000_000, 100_000_000, 65_000_000)
"""By mode. Both delays: medians over silence and noise at 20 to 5 dB, at the default thresholds,
by `python -m emotion_lab evaluate vad --half dev`; the detector has a hangover of some frames."""


class WebrtcVad:
    """WebRTC's voice activity detector.

    Its decision per frame is binary. The probability is the share of voiced frames in the last
    `SMOOTHING` seconds, so that single frames of noise taken for speech stay below the threshold.

    Args:
        mode: aggressiveness, 0 to 3: the higher, the more audio is classified as noise.
        frame: length of a frame in s: 0.01, 0.02 or 0.03.

    Raises:
        ValueError: mode or frame is none of these.
    """

    def __init__(self, mode: int = 2, frame: float = 0.02) -> None:
        if mode not in range(4):
            raise ValueError(f'WebRTC VAD mode: expected 0 to 3, got {mode}')
        self.frame_samples = round(frame * SAMPLE_RATE)
        if self.frame_samples not in {round(length * SAMPLE_RATE) for length in FRAME_LENGTHS}:
            raise ValueError(f'WebRTC VAD frame: expected one of {FRAME_LENGTHS} s, got {frame}')
        self.onset_delay_ns = ONSET_DELAY_NS
        self.release_delay_ns = RELEASE_DELAYS_NS[mode]
        self.name = f'webrtc {mode}'
        self._mode = mode

    def stream(self) -> WebrtcVadStream:
        """Return a new stream."""
        return WebrtcVadStream(self._mode, self.frame_samples)


class WebrtcVadStream:
    """The detector's noise and speech statistics for one microphone."""

    def __init__(self, mode: int, frame_samples: int) -> None:
        self._mode = mode
        self._detector = webrtcvad.Vad(mode)
        self._recent: deque[bool] = deque(
            maxlen=max(1, round(SMOOTHING * SAMPLE_RATE / frame_samples))
        )
        self.reset()

    def probability(self, frame: FloatArray) -> float:
        """Return the share of voiced frames, 0..1, in the window that ends with this frame."""
        pcm = (np.clip(frame, -1.0, 1.0) * 32767.0).astype(np.int16)
        self._recent.append(self._detector.is_speech(pcm.tobytes(), SAMPLE_RATE))
        return sum(self._recent) / len(self._recent)

    def reset(self) -> None:
        """Forget all audio."""
        self._detector = webrtcvad.Vad(self._mode)
        self._recent.extend([False] * (self._recent.maxlen or 0))
