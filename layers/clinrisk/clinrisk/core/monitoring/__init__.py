"""What monitoring judges: quality, drift, performance and bias of a batch, and the response to findings."""
