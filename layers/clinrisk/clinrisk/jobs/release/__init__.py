"""Comparing a candidate in shadow with the live model."""
