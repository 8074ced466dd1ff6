"""What do I get? The work inside the container: files in, files out, no AWS library and no network."""
