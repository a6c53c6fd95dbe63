"""One made-up library for the tests of the engine."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from embeddings.embedders import SPECS
from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.domain import Request, Seed
from recommendations.engine import recommend
from recommendations.results import Answer
from tests.recommendations.library import MadeLibrary, Plan, make_library
from tests.recommendations.remembered import remember

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks the engine about one library."""

    made: MadeLibrary
    store: MemoryStore

    def ask(self, *seeds: Track | Seed, **wanted: Any) -> Answer:
        """Recommend for tracks, each of the same weight, or for seeds."""
        named = [seed if isinstance(seed, Seed) else Seed(key=str(seed.pk)) for seed in seeds]
        return recommend(Request(seeds=named, **wanted), store=self.store, now=NOW)

    def ids(self, *seeds: Track | Seed, **wanted: Any) -> list[str]:
        """Ids of the answer, in order."""
        return [one.candidate.id for one in self.ask(*seeds, **wanted).tracks]

    def genres(self, *seeds: Track | Seed, **wanted: Any) -> list[str]:
        """The genre of each track of the answer."""
        return [one.candidate.genres[0] for one in self.ask(*seeds, **wanted).tracks]

    def know(self, **prompts: str) -> None:
        """Let the text tower have read each prompt: it means the genre of this name."""
        generation, spec = self.made.generations["muq"], SPECS["muq"]
        middles = {words: self.made.middles[f"{spec.key}.joint", genre] for genre, words in prompts.items()}
        remember(generation, {words: np.asarray(vector, np.float32) for words, vector in middles.items()})


@pytest.fixture
def asker(db: None) -> Asker:
    """96 tracks of 12 artists and four genres; those of a genre are alike, and none is another's copy."""
    store = MemoryStore()
    return Asker(made=make_library(store, Plan(spread=1.3)), store=store)
