"""Perceive the emotion a robot's partner expresses, utterance by utterance.

The way of the data, and the file where each step lives::

    microphone -> core/audio_buffer -> core/speech_segmenter -> core/hearing --+
    camera     -> core/sight --------------------------------------------------+
                                                                               v
                 core/analysis: transcriber, text, voice and face emotion -> core/fusion
                                                                               v
                                              messages -> ros/node (topics) or replay (bag, JSON)
"""

__version__ = '0.1.0'
