"""Fixtures of a model that reads words."""

from tests.texts import reader, text_worker, words, words_folder

__all__ = ["reader", "text_worker", "words", "words_folder"]
