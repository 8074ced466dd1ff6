"""Monitoring: the checks on quality, drift, performance and bias of a batch, and the response to findings."""
