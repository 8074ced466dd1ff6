"""What a scored patient is given: factors and results; and the outcomes that arrive for them."""
