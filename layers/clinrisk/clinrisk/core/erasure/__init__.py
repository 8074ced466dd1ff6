"""Erasing patients: where their rows lie, how they are found there, and what is kept about it."""
