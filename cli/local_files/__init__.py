"""Files on this machine, before they go anywhere: nothing here talks to AWS."""
