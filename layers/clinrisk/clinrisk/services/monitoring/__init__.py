"""From stored profiles to findings: one module per function, and what they share."""
