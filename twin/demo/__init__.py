"""`twin demo`: the main job for every use case, from a file in the inbox to findings about scored patients.

It drives the `clinrisk` command as a person would, and imports nothing of it.
"""
