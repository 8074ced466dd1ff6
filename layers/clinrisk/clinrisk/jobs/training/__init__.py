"""Putting a training set together, and training on it with honest out-of-fold scores."""
