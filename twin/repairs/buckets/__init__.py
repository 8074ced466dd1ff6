"""Repairs of S3: large objects on disk, uploads in parts, ranges of a version.

The events of a bucket are in `twin.repairs.notifications`.
"""
