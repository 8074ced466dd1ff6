"""Parquet and Arrow files: their types held against the contract, then written as the CSV that is read."""
