"""Voice activity detection by Silero VAD, a small recurrent network.

Model and paper: Silero Team, "Silero VAD: pre-trained enterprise-grade Voice Activity Detector",
https://github.com/snakers4/silero-vad (MIT licence). The ONNX file comes with faster-whisper.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort

from emotion_node.backends.onnx import open_session
from emotion_node.datatypes import FloatArray
from emotion_node.errors import ModelError

FRAME_SAMPLES: Final = 512
CONTEXT_SAMPLES: Final = 64
"""Samples before each frame that the network also takes."""
STATE_SIZE: Final = 128
ONSET_DELAY_NS: Final = 48_000_000
RELEASE_DELAY_NS: Final = 48_000_000
"""Medians over silence and noise at 20 to 5 dB, at the default thresholds, by
`python -m emotion_lab evaluate vad --half dev`."""


def find_silero() -> Path:
    """Return the newest Silero model inside faster-whisper's package.

    The package is not imported: that takes a second, and only one of its files is needed.

    Raises:
        ModelError: there is none.
    """
    spec = importlib.util.find_spec('faster_whisper')
    folders = [Path(p) / 'assets' for p in (spec and spec.submodule_search_locations) or ()]
    found = [path for folder in folders for path in sorted(folder.glob('silero_vad*.onnx'))]
    if not found:
        raise ModelError(
            'Silero VAD: expected silero_vad*.onnx inside the package faster_whisper, found '
            f'{"none in " + str(folders[0]) if folders else "no such package"}; '
            'install faster-whisper 1.2 or newer, or set vad.backend to "webrtc"'
        )
    return found[-1]


class SileroVad:
    """Silero VAD's weights.

    Args:
        path: the ONNX file; None takes the one inside faster-whisper's package.

    Raises:
        ModelError: the file is missing, damaged, or not Silero VAD version 6.
    """

    name = 'silero'
    frame_samples = FRAME_SAMPLES
    onset_delay_ns = ONSET_DELAY_NS
    release_delay_ns = RELEASE_DELAY_NS

    def __init__(self, path: Path | None = None) -> None:
        path = path or find_silero()
        if not path.is_file():
            raise ModelError(f'Silero VAD: no such file: {path}')
        self._session = open_session(path, f'Silero VAD: {path}', threads=1)
        inputs = {node.name: node.shape for node in self._session.get_inputs()}
        samples = FRAME_SAMPLES + CONTEXT_SAMPLES
        if set(inputs) != {'input', 'h', 'c'} or inputs['input'][-1] != samples:
            raise ModelError(
                f'Silero VAD: {path} takes {inputs}, expected input (n, {samples}), h and c: '
                'version 6, as in faster-whisper 1.2'
            )

    def stream(self) -> SileroVadStream:
        """Return a new stream."""
        return SileroVadStream(self._session)


class SileroVadStream:
    """The network's state for one microphone."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._input = np.zeros((1, CONTEXT_SAMPLES + FRAME_SAMPLES), np.float32)
        self._state = np.zeros((2, 1, 1, STATE_SIZE), np.float32)
        self._hidden, self._cell = self._state

    def probability(self, frame: FloatArray) -> float:
        """Return how likely it is, 0..1, that (512,) float32 samples contain speech."""
        self._input[0, CONTEXT_SAMPLES:] = frame
        probability, self._hidden, self._cell = self._session.run(
            None, {'input': self._input, 'h': self._hidden, 'c': self._cell}
        )
        self._input[0, :CONTEXT_SAMPLES] = frame[-CONTEXT_SAMPLES:]
        return float(probability[0])

    def reset(self) -> None:
        """Forget all audio."""
        self._input[:] = 0
        self._hidden, self._cell = self._state
