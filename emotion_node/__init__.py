"""Perceive the emotion that a robot's partner expresses, utterance by utterance.

The way of the data, and the file of each step::

    microphone -> core/hearing/stream: timeline, audio_buffer, segmenter -> utterances --+
    camera     -> core/vision/stream: tracker, face_memory, active_speaker -> speaker ---+
                                                                                         v
          core/analysis/analysis: transcription, text, perception (voice and face), fusion
                                                                                         v
               messages/reports -> ros/outputs (topics) or annotate (JSON files, a report)
"""

import os

# Before NumPy is loaded: a second thread of its OpenBLAS gains nothing on matrices of this size,
# but its busy wait takes up to a fifth of a core in the node.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

# Before onnxruntime and the Hugging Face libraries are loaded: they send usage statistics to
# their makers otherwise, and onnxruntime stores a device id. Nothing leaves this package but ROS
# messages.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
os.environ.setdefault('HF_HUB_DISABLE_TELEMETRY', '1')

# Before OpenCV is loaded: a compressed image of a few hundred bytes can state a size of gigabytes.
# Twice the pixels of an 8K camera.
os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(2 * 7680 * 4320))


def __getattr__(name: str) -> str:
    """Return `__version__`, as `package.xml` stated it when this was installed."""
    if name == '__version__':
        from importlib.metadata import version

        return version('emotion_node')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
