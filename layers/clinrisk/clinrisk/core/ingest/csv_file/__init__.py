"""A file as text: what it is, its header, its lines and quotes, where it may be cut. No clinical rules."""
