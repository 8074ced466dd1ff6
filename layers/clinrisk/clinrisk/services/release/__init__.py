"""From a registered candidate to a recorded decision and the live model: one module per function."""
