"""PromptVector: what people asked for in words, and the vector that a text tower made of it."""

import hashlib
from dataclasses import dataclass

import numpy as np
from django.db import models
from django.utils import timezone

from embeddings.domain import Vector

LONGEST = 2000
"""Characters of a prompt; towers read far fewer."""
KEPT = 10_000
"""Prompts that are remembered; the oldest go."""


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

    @property
    def hash(self) -> str:
        """SHA-256 over all of it: a short key for a long text."""
        parts = (self.model, str(self.spec_version), self.checkpoint, self.packages, self.prompt)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class PromptVectorQuerySet(models.QuerySet["PromptVector"]):
    """Which prompts are remembered."""

    def known(self, asked: Asked) -> Vector | None:
        """The vector of a prompt that was asked before."""
        kept = self.filter(hash=asked.hash).values_list("vector", flat=True).first()
        return None if kept is None else np.frombuffer(kept, "<f4").astype(np.float32)

    def keep(self, asked: Asked, vector: Vector) -> None:
        """Remember a prompt's vector, and forget the oldest beyond `KEPT`; whoever asks the same keeps one row."""
        row = PromptVector(
            hash=asked.hash,
            model=asked.model,
            checkpoint=asked.checkpoint,
            prompt=asked.prompt,
            vector=vector.astype("<f4").tobytes(),
        )
        self.bulk_create([row], ignore_conflicts=True)
        surplus = self.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1].first()
        if surplus is not None:
            self.filter(pk__lte=surplus).delete()


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
