"""What is learned from a library."""
