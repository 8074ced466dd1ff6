"""`twin replay`: a list of files, dropped into a clean twin one after the other, and what became of each."""
