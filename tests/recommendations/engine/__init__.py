"""The engine as a whole, on a made-up library."""
