"""Fits the fixed constants of the `acoustic` model on music that its evaluation does not contain; see README.md."""
