"""What is kept in a bucket besides the objects that a reader gets now."""
