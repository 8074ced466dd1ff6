"""Turning the scores of a batch into results."""
