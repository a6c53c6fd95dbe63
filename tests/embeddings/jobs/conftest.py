"""Fixtures of a model with a checkpoint, and of one that reads words, for every test of the job engine."""

from tests.embeddings.jobs.brief import brief
from tests.embeddings.jobs.weighted import weights
from tests.texts import reader, text_worker, words, words_folder

__all__ = ["brief", "reader", "text_worker", "weights", "words", "words_folder"]
