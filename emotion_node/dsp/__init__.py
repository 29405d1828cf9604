"""Signal processing and geometry that both the core and the backends need: NumPy alone."""
