"""PromptVector: what people asked for in words, and the vector that a text tower made of it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from django.db import models
from django.utils import timezone

from embeddings.domain import Vector

LONGEST = 2000
"""Characters of a prompt; towers read far fewer."""
KEPT = 10_000
"""Prompts that are remembered; the oldest go."""

TowerKind = Literal["own", "trained"]
"""Who reads a prompt: the model's own tower into the space that it shares with text, or one trained for its vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A prompt, and all that its vector depends on."""

    model: str
    spec_version: int
    checkpoint: str
    """Digest of the tower's checkpoint."""
    packages: str = ""
    """Versions of the packages that the tower computes with."""
    prompt: str
    tower: TowerKind = "own"

    @property
    def hash(self) -> str:
        """SHA-256 over all of it: a short key for a long text."""
        parts = [self.model, str(self.spec_version), self.checkpoint, self.packages, self.prompt]
        if self.tower != "own":
            # Own towers were there first: what they read is remembered without their name.
            parts.append(self.tower)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class PromptVectorQuerySet(models.QuerySet["PromptVector"]):
    """Which prompts are remembered."""

    def known(self, asked: Iterable[Asked]) -> dict[Asked, Vector]:
        """Those of the prompts that were asked before, with their vectors; one query."""
        by_hash = {one.hash: one for one in asked}
        kept = self.filter(hash__in=by_hash).values_list("hash", "vector")
        return {by_hash[found]: np.frombuffer(vector, "<f4").astype(np.float32) for found, vector in kept}

    def keep(self, read: Mapping[Asked, Vector]) -> None:
        """Remember prompts with one write, and forget the oldest beyond `KEPT`; who asks the same keeps one row."""
        self.bulk_create([_row(asked, vector) for asked, vector in read.items()], ignore_conflicts=True)
        newest = self.order_by("-pk").values_list("pk", flat=True).first()
        if newest is not None:
            # By number: to count them from the newest, a database walks through all, while others wait to write.
            self.filter(pk__lte=newest - KEPT).delete()


class PromptVector(models.Model):
    """One prompt's vector by one checkpoint; asked again, it needs no text tower."""

    hash = models.CharField(max_length=64, unique=True)
    """Of the prompt and all that its vector depends on."""
    model = models.CharField(max_length=32)
    checkpoint = models.CharField(max_length=64, blank=True)
    prompt = models.CharField(max_length=LONGEST)
    vector = models.BinaryField()
    """float32, little endian."""
    created_at = models.DateTimeField(default=timezone.now)

    objects = PromptVectorQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.model}: {self.prompt}"


def _row(asked: Asked, vector: Vector) -> PromptVector:
    return PromptVector(
        hash=asked.hash,
        model=asked.model,
        checkpoint=asked.checkpoint,
        prompt=asked.prompt,
        vector=vector.astype("<f4").tobytes(),
    )
