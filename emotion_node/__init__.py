"""Perceive the emotion that a robot's partner expresses, utterance by utterance.

The way of the data, and the room of each step::

    microphone -> core/hearing (utterances) ---------------------+
    camera     -> core/vision (face tracks, active speaker) -----+
                                                                 v
    core/analysis: transcript, then text, voice and face emotion, then fusion <- core/dialogue
                                                                 v
                    messages -> ros (topics) or annotate (bags, JSON, a report)
"""

import os

# Before NumPy is loaded: a second thread of its OpenBLAS gains nothing on matrices of this size,
# but its busy wait takes up to a fifth of a core in the node.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')


def __getattr__(name: str) -> str:
    """Return `__version__`, as `package.xml` stated it when this was installed."""
    if name == '__version__':
        from importlib.metadata import version

        return version('emotion_node')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
