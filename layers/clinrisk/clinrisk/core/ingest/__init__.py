"""What becomes of a file in the inbox: its key, its format, its rows, its duplicates, its receipt.

Values in, values out: no storage, no clock. `csv_file` knows text and lines; the modules here know columns,
rules and patients. Each name is imported from the module that defines it.
"""
