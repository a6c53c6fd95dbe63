"""Fixtures of generations that hold the sample: made once, for every test that examines one."""

from tests.embeddings.jobs.checking.built import built, embeddings, listeners, small

__all__ = ["built", "embeddings", "listeners", "small"]
