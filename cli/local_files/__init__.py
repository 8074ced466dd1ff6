"""Files on this machine, before they go anywhere; the stack is asked by `cli.bucket_objects` alone."""
