"""Numerical methods that the core and the backends share, by NumPy alone."""
