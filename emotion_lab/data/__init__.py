"""Readers of data sets, noise and figures of merit that training and evaluation share."""
