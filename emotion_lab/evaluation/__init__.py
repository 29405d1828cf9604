"""Measure the shipped models, as the node runs them, on their data sets. Needs no torch."""
