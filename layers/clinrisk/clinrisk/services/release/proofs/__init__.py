"""Whether a decision is genuine, and what is live is what was decided about."""
