"""What do I get? The model card of a candidate: a page, CHAI's XML, and the source attributes of HTI-1."""
