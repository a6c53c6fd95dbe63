"""Does an embedding hear what it should? A protocol that needs no human labels; see README.md."""
