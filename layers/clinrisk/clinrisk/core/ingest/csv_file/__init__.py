"""The file as text: its format, header, lines and quotes, and where it is cut. No clinical rules here."""
