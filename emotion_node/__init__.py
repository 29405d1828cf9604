"""Perceive the emotion a robot's partner expresses, utterance by utterance.

The way of the data, and the file where each step lives::

    microphone -> core/audio_buffer -> core/speech_segmenter -> core/hearing --+
    camera     -> core/sight --------------------------------------------------+
                                                                               v
                 core/analysis: transcriber, text, voice and face emotion -> core/fusion
                                                                               v
                                              messages -> ros/node (topics) or replay (bag, JSON)
"""

import os

__version__ = '0.1.0'

# Before NumPy is loaded: the second thread of its OpenBLAS gains nothing on matrices as small as
# ours, but waits for the next one in a loop that takes up to a fifth of a core in the node.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
