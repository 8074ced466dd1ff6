"""What only developers run: generators of template sections and of documents."""
