"""Repairs of Lambda: the worker that runs a Python function, and the program inside it."""
