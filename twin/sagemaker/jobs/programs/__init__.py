"""Programs that run in the jobs' interpreter, each started by its path.

They import the image's libraries and nothing of the twin.
"""
