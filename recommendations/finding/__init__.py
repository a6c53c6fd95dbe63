"""What the store and the catalogue have to offer for it."""
