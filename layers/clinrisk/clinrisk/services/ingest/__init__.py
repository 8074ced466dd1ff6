"""From an object in the inbox to a receipt: one module per function, and what they share."""
