"""Do words reach models that know none? A joint space learned from labels of real music, and bridges out of it."""
