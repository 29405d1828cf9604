"""From audio to utterances."""
