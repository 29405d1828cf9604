"""Camera and microphone nodes for machines without drivers of their own."""
