"""From committed uploads to a judged candidate, and the code that the jobs run."""
