"""The page of a live model: its figures from stored counts, their pictures, and the page itself."""
