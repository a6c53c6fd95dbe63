"""Generations: one build of a spec's vectors, and which tracks it holds."""

from collections.abc import Sequence
from typing import Self

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from embeddings.domain import EmbedderSpec
from embeddings.models.identity import PLAIN, Identity
from embeddings.models.lifecycle import FILLED, GenerationState, LifecycleQuerySet
from embeddings.models.track import Track

RENEWED = "_labelled"
"""Ending of a collection that was copied from one of a version before 0.4, whose rows had fewer labels."""
FORMER = "_former"
"""Ending of what it was copied from, until that is dropped."""


def names_of(collection: str) -> set[str]:
    """What a collection is called in the course of its renewal, beginning with its first name."""
    return {collection, collection + RENEWED, collection + FORMER}


class Origin(models.TextChoices):
    """How the first vectors of a generation came into it."""

    EMBEDDED = "embedded"
    ADOPTED = "adopted"
    IMPORTED = "imported"


class GenerationQuerySet(LifecycleQuerySet):
    """Which generations, and how one begins."""

    def live(self, model: str) -> "Generation | None":
        """The generation that searches of this model read."""
        return self.filter(model=model, state=GenerationState.LIVE).first()

    def alike(self, spec: EmbedderSpec, identity: Identity) -> Self:
        """Those whose vectors are comparable with what is computed with this identity.

        Args:
            spec: the model, of whose version alone a generation holds vectors.
            identity: with what they are computed; without a precision, any is good.

        """
        alike = self.filter(model=spec.key, spec_version=spec.version)
        alike = alike.filter(checkpoint=identity.checkpoint, packages=identity.packages)
        return alike.filter(precision=identity.precision) if identity.precision else alike

    def begun(self, spec: EmbedderSpec, identity: Identity) -> "Generation | None":
        """The generation that vectors of this identity belong to: the live one, else the newest that is built."""
        alike = self.alike(spec, identity)
        building = alike.filter(state__in=FILLED).order_by("-number")
        return alike.filter(state=GenerationState.LIVE).first() or building.first()

    def revive(self, spec: EmbedderSpec, identity: Identity) -> "Generation | None":
        """RETIRED -> BUILDING for the newest generation of this identity: what was stored is not computed again."""
        alike = self.alike(spec, identity).filter(precision=identity.precision, state=GenerationState.RETIRED)
        found = alike.order_by("-number").first()
        built = {"state": GenerationState.BUILDING, "retired_at": None, "verified_at": None}
        if found is None or not alike.filter(pk=found.pk).update(**built):
            return None
        found.refresh_from_db()
        return found

    def open(
        self, spec: EmbedderSpec, *, state: str, identity: Identity = PLAIN, taken: Sequence[str] = ()
    ) -> "Generation":
        """Add the next generation of a spec; the unique number makes the loser of a race fail loudly.

        Args:
            spec: what fills it.
            state: building, or live.
            identity: with what its vectors are computed.
            taken: collections that exist in the store, perhaps from a database that was lost;
                they are neither reused nor dropped.

        """
        newest = self.filter(model=spec.key).order_by("-number").first()
        number = newest.number + 1 if newest else 1
        while not names_of(collection := f"{spec.alias}_g{number:04d}").isdisjoint(taken):
            number += 1
        return self.create(
            model=spec.key,
            number=number,
            spec_version=spec.version,
            dimension=spec.dimension,
            joint_dimension=spec.joint_dimension,
            checkpoint=identity.checkpoint,
            packages=identity.packages,
            precision=identity.precision,
            collection=collection,
            state=state,
            promoted_at=timezone.now() if state == GenerationState.LIVE else None,
        )


class Generation(models.Model):
    """One collection in the vector store, filled by one version of one spec, with one identity."""

    model = models.CharField(max_length=32)
    number = models.PositiveIntegerField()
    spec_version = models.PositiveIntegerField()
    # Defaults of the database's own: during an upgrade, workers of the version before write rows without these.
    checkpoint = models.CharField(max_length=64, blank=True, default="", db_default="")
    """SHA-256 of the weights; empty for a model without."""
    packages = models.CharField(max_length=255, blank=True, default="", db_default="")
    """Versions of the packages that compute its vectors."""
    precision = models.CharField(max_length=16, blank=True, default="", db_default="")
    dimension = models.PositiveIntegerField()
    joint_dimension = models.PositiveIntegerField(default=0, db_default=0)
    """Length of the second vector of each row, in the space shared with text; 0 without one."""
    collection = models.CharField(max_length=128, unique=True)
    state = models.CharField(max_length=16, choices=GenerationState, default=GenerationState.BUILDING)
    origin = models.CharField(max_length=16, choices=Origin, default=Origin.EMBEDDED, db_default=Origin.EMBEDDED)
    archive = models.CharField(max_length=64, blank=True, default="", db_default="")
    """SHA-256 of the manifest that it was imported from; empty for one that was not."""
    writes = models.PositiveBigIntegerField(default=0, db_default=0)
    """How often vectors were recorded in it: what has grown since it was looked at tells by this, and by no clock."""
    forced_because = models.TextField(blank=True, default="", db_default="")
    """Why somebody promoted it although it had not passed verification."""
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    promoted_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    rolled_back_at = models.DateTimeField(null=True, blank=True)
    """When somebody took it out of searches again; jobs fill it, and only a person promotes it."""
    dropped_at = models.DateTimeField(null=True, blank=True)
    renewal = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Token of the worker that copies its collection into one with all labels."""
    renewal_until = models.DateTimeField(null=True, blank=True)
    """Until when that is left to this worker."""

    objects = GenerationQuerySet.as_manager()

    class Meta:
        ordering = ["model", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="generation_number_once"),
            models.UniqueConstraint(
                fields=["model"], condition=Q(state=GenerationState.LIVE), name="one_live_generation_per_model"
            ),
        ]

    def __str__(self) -> str:
        return self.collection

    @property
    def name(self) -> str:
        """What its collection was called when it was made, which a renewal does not change."""
        return self.collection.removesuffix(RENEWED)

    @property
    def identity(self) -> Identity:
        """With what its vectors are computed."""
        return Identity(checkpoint=self.checkpoint, packages=self.packages, precision=self.precision)

    @property
    def model_id(self) -> str:
        """What each of its vectors says of its making: `acoustic@1`, `muq@1+2e01c796b71d`."""
        weights = f"+{self.checkpoint[:12]}" if self.checkpoint else ""
        return f"{self.model}@{self.spec_version}{weights}"


class TrackVectorQuerySet(models.QuerySet["TrackVector"]):
    """Which vectors are stored."""

    @transaction.atomic
    def record(self, rows: list["TrackVector"]) -> None:
        """Write that these tracks now have vectors made from these signatures; what was verified is built again."""
        # First, because a row that refers to a generation locks it a little, and this would have to lock it more.
        Generation.objects.mark_written({row.generation_id for row in rows})
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["generation", "track"],
            update_fields=["signature", "stored_at"],
        )


class TrackVector(models.Model):
    """The fact that a generation holds a track's vector, and which state of the file it was made from."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="vectors")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="vectors")
    signature = models.CharField(max_length=80)
    stored_at = models.DateTimeField(default=timezone.now)

    objects = TrackVectorQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "track"], name="vector_once_per_generation")]

    def __str__(self) -> str:
        return f"{self.generation_id}:{self.track_id}"


def is_held(generation: Generation) -> Exists:
    """Condition on tracks: the generation holds a vector, made from this state of the file or an earlier one."""
    return Exists(TrackVector.objects.filter(generation=generation, track=OuterRef("pk")))


def is_current(generation: Generation) -> Exists:
    """Condition on tracks: the generation holds a vector made from the file as it is now."""
    return Exists(
        TrackVector.objects.filter(generation=generation, track=OuterRef("pk"), signature=OuterRef("signature"))
    )
