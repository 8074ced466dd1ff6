"""Operations: whose turn it is, what has stopped, and what may be started again. Values in, values out."""
