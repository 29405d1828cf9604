"""From an utterance to its emotion: transcription, text, voice, face, reliability, fusion."""
