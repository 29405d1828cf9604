"""Nodes that play recordings and show emotions."""
