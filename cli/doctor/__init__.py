"""Whether a deployed stack is fit for work: what has to hold before anything can happen at all."""
