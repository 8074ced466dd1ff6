"""Repairs of what AWS sends: mail to subscribers, and bucket events with the object's version."""
