"""Mergeable counts of a set of rows: of their features, and of their scores and outcomes."""
