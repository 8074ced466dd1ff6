"""The evidence for a candidate: every figure with its interval, for everyone and by group."""
