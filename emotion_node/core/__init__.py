"""Algorithms: numpy only, time as data."""
