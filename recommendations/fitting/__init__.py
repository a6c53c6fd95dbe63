"""What similarity means in each live generation, and how words get there; learned from the library itself."""
