"""Adoption: collections of the program that came before this one become generation 0 of their model."""

from embeddings.jobs.adoption.copying import adopt, drop_old, left_behind
from embeddings.jobs.adoption.report import Adoption
from embeddings.jobs.adoption.trusting import trust

__all__ = ["Adoption", "adopt", "drop_old", "left_behind", "trust"]
