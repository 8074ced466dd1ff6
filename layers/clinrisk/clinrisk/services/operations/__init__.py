"""Operations: the procedures of turns, and of what has stopped."""
