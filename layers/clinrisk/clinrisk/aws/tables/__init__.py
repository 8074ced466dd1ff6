"""One module per kind of item in the stack's tables: its keys, and how it is read and changed."""
