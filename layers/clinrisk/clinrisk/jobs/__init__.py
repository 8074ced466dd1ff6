"""The programs that run in the container: files in, files out, no AWS library and no network."""
