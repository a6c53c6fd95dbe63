"""The spaces that a request compares in: live generations, what similarity means in them, and how texts get there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from embeddings.domain import EmbedderSpec
from embeddings.embedders import SPECS, get_spec
from embeddings.errors import NotEmbedded
from embeddings.models import Generation, GenerationState
from embeddings.store.base import VectorField, VectorStore
from recommendations.arithmetic.calibration import Background
from recommendations.fitting.fit import live_generations
from recommendations.fitting.learning import Learned, kept_bridge
from recommendations.fitting.sampling import background_of
from recommendations.models import StoredBackground

Asked = Literal["tracks", "texts"]
"""What is compared with tracks."""
REMEMBERED = 24
"""Backgrounds of this process: of six models, both fields, asked with both; a few megabytes each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """One model's live generation as one request sees it.

    What is asked of it reads the database, and samples the generation where nobody did before: ask in the thread of
    the request.
    """

    spec: EmbedderSpec
    generation: Generation
    store: VectorStore = field(repr=False)

    @property
    def model(self) -> str:
        """Key of the spec."""
        return self.spec.key

    def background(self, field: VectorField = "embedding") -> Background:
        """What similarity of two tracks means in a field.

        Raises:
            BackendUnavailable: it had to be sampled, and the store does not answer.
            CollectionMissing: it had to be sampled, and the generation is gone.

        """
        return self._background(field, "tracks")

    def text_background(self, field: VectorField = "embedding") -> Background:
        """What similarity of a text and a track means in a field; one without probes where no text is known there.

        Texts and tracks fill different cones of a space, so that tracks cannot stand in for texts.

        Raises:
            BackendUnavailable: it had to be sampled, and the store does not answer.
            CollectionMissing: it had to be sampled, and the generation is gone.

        """
        return self._background(field, "texts")

    def bridge(self) -> Learned | None:
        """How joint vectors of texts get into `embedding`; None where nobody learned it (yet), or nobody needs it.

        One with a `refusal` must not be used.
        """
        return kept_bridge(self.generation)

    def _background(self, field: VectorField, asked: Asked) -> Background:
        row = background_of(self.generation, field, self.store)
        return _loaded(row.pk, row.fitted_at, asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The spaces of one request, in the order in which they were asked for."""

    spaces: tuple[Space, ...]
    warnings: tuple[str, ...]
    """Which models were asked for and take no part, and why."""

    def has_moved(self) -> bool:
        """Whether another generation became live since, or one went to another collection."""
        asked = {(space.generation.pk, space.generation.collection) for space in self.spaces}
        live = Generation.objects.filter(pk__in=[pk for pk, _ in asked], state=GenerationState.LIVE)
        return set(live.values_list("pk", "collection")) != asked


def open_spaces(models: Sequence[str], store: VectorStore) -> Opened:
    """Find the live generations of models.

    Args:
        models: keys of specs; none for all that have vectors, in the order of `SPECS`.
        store: where they are.

    Raises:
        UnknownEmbedder: there is no such model.
        NotEmbedded: none of them has any vectors.

    """
    specs = [get_spec(key) for key in dict.fromkeys(models)] or list(SPECS.values())
    live = live_generations(specs)
    spaces = tuple(Space(spec=spec, generation=live[spec.key], store=store) for spec in specs if spec.key in live)
    if not spaces:
        raise NotEmbedded(f"Nothing was embedded with {_listed(models or list(SPECS))} yet: start a job first.")
    missing = [spec.key for spec in specs if models and spec.key not in live]
    said = (f"The model {key} took no part: nothing was embedded with it yet." for key in missing)
    return Opened(spaces=spaces, warnings=tuple(said))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


@lru_cache(maxsize=REMEMBERED)
def _loaded(pk: int, fitted_at: datetime, asked: Asked) -> Background:  # noqa: ARG001 - part of the key
    """Read one background; `fitted_at` tells it from what the same row held before."""
    row = StoredBackground.objects.get(pk=pk)
    return Background.fit(row.sampled, row.text_probes if asked == "texts" else None)
