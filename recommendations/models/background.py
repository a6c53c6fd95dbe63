"""StoredBackground: what was sampled of a generation, to know what similarity means in it."""

from typing import Self

import numpy as np
from django.db import models
from numpy.typing import NDArray

from embeddings.models import Generation
from recommendations.models.vectors import from_bytes


class BackgroundQuerySet(models.QuerySet["StoredBackground"]):
    """Which samples are kept."""

    def keep(self, row: "StoredBackground") -> None:
        """Write a row in place of the one that its generation and field have; whoever writes at once, one stays."""
        unique = ["generation", "field"]
        kept = [field.name for field in StoredBackground._meta.concrete_fields if field.name not in ("id", *unique)]
        self.bulk_create([row], update_conflicts=True, unique_fields=unique, update_fields=kept)

    def heads(self) -> Self:
        """Without the vectors, which are megabytes."""
        return self.defer("track_ids", "vectors", "probes")


class StoredBackground(models.Model):
    """Vectors sampled from one field of a generation, and those of texts that are compared with them."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="backgrounds")
    field = models.CharField(max_length=16)
    """As in `store.base.VectorField`."""
    tracks = models.PositiveIntegerField()
    """Sampled."""
    texts = models.PositiveIntegerField(default=0)
    """That are compared with tracks."""
    track_ids = models.JSONField(default=list)
    """Ours, of the sampled tracks, in the order of the vectors."""
    dimension = models.PositiveIntegerField()
    vectors = models.BinaryField(default=bytes)
    """[sampled, dimension] float32, little endian."""
    probes = models.BinaryField(default=bytes)
    """[texts, dimension], likewise; empty where no text could be read."""
    wording = models.CharField(max_length=16, blank=True, default="")
    """How the texts became vectors, as in `domain.Wording`; empty without them."""
    count = models.PositiveIntegerField()
    """Vectors of the generation when it was sampled."""
    writes = models.PositiveBigIntegerField()
    """Of the generation, when somebody last looked whether the sample is good still."""
    mean = models.FloatField()
    """Of the cosines of sampled pairs."""
    spread = models.FloatField()
    seconds = models.FloatField(default=0.0)
    """What the sampling took."""
    fitted_at = models.DateTimeField()

    objects = BackgroundQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "field"], name="background_once_per_field")]

    def __str__(self) -> str:
        return f"{self.generation_id}:{self.field}"

    @property
    def sampled(self) -> NDArray[np.float32]:
        """[sampled, dimension] of unit length."""
        return from_bytes(self.vectors, self.dimension)

    @property
    def text_probes(self) -> NDArray[np.float32]:
        """[texts, dimension] of unit length; no rows where no text could be read."""
        return from_bytes(self.probes, self.dimension)
