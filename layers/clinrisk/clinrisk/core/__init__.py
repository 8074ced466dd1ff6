"""Decisions: values in, values out. No AWS, no clock, no randomness, no environment; those are arguments."""
