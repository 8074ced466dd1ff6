"""One module per command: each asks the readers in `cli` for facts and shows them as a table or as JSON."""
