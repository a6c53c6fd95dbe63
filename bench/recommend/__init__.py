"""Benchmarks of the engine: how long an answer takes, where the time goes, and how it grows with the library."""
