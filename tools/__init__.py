"""Helpers of the build and of the checks; none of this is installed."""
