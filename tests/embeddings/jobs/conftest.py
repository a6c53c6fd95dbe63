"""Fixtures of a store with events, of a model with a checkpoint, and of one that reads words, for the job engine."""

from tests.embeddings.jobs.aged import eventful
from tests.embeddings.jobs.brief import brief
from tests.embeddings.jobs.weighted import weights
from tests.texts import reader, text_worker, words, words_folder

__all__ = ["brief", "eventful", "reader", "text_worker", "weights", "words", "words_folder"]
