"""What the catalogue has to offer."""
