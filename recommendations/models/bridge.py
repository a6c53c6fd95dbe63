"""StoredBridge: how texts get into the space of a model that knows none, and how well that works."""

from typing import Self

from django.db import models

from embeddings.models import Generation, GenerationState
from recommendations.arithmetic.bridge import Quality


class BridgeQuerySet(models.QuerySet["StoredBridge"]):
    """Which bridges are kept."""

    def keep(self, row: "StoredBridge") -> None:
        """Write a row in place of the one that its target has."""
        kept = [field.name for field in StoredBridge._meta.concrete_fields if field.name not in ("id", "target")]
        self.bulk_create([row], update_conflicts=True, unique_fields=["target"], update_fields=kept)

    def into(self, target: Generation) -> "StoredBridge | None":
        """The bridge into a generation, without its matrices; None where its source is not live any more."""
        live = self.filter(target=target, source__state=GenerationState.LIVE, target__state=GenerationState.LIVE)
        return live.heads().first()

    def heads(self) -> Self:
        """With their source and target, without the matrices, which are megabytes."""
        return self.select_related("source", "target").defer("weights", "means")


class StoredBridge(models.Model):
    """A linear map from the joint space of one generation into another generation, learned from tracks in both."""

    target = models.OneToOneField(Generation, on_delete=models.CASCADE, related_name="bridge")
    source = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="bridges_from")
    """Whose joint vectors it maps."""
    weights = models.BinaryField(default=bytes)
    """[joint dimension, dimension] float32, little endian; empty where nothing was learned."""
    means = models.BinaryField(default=bytes)
    """Of the joint vectors, of the vectors, and of the texts, one after the other, likewise."""
    radius = models.FloatField(default=0.0)
    """How far tracks of the target lie from their mean."""
    knows_texts = models.BooleanField(default=False)
    """Whether texts could be read; else their mean is zero and nothing may be mapped."""
    tracks = models.PositiveIntegerField()
    """Learned from."""
    strength = models.FloatField(default=0.0)
    """Of the ridge."""
    gallery = models.PositiveIntegerField(default=0)
    """Among how many held-out tracks the right one was looked for."""
    recall = models.FloatField(default=0.0)
    """Share of held-out tracks that are among the ten nearest to what their joint vector was mapped to."""
    refusal = models.TextField(blank=True, default="")
    """Why it is not used; empty when it is."""
    count = models.PositiveIntegerField()
    """Vectors of the target when it was learned."""
    writes = models.PositiveBigIntegerField()
    """Of the target, when somebody last looked whether the bridge is good still."""
    source_count = models.PositiveIntegerField()
    source_writes = models.PositiveBigIntegerField()
    seconds = models.FloatField(default=0.0)
    """What the learning took."""
    fitted_at = models.DateTimeField()

    objects = BridgeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.source_id} -> {self.target_id}"

    @property
    def quality(self) -> Quality:
        """How well it does on held-out tracks."""
        return Quality(tracks=self.tracks, strength=self.strength, gallery=self.gallery, recall=self.recall)
