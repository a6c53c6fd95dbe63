"""Prompts that were read before: what the database remembers of them needs no text worker."""

from collections.abc import Mapping

from embeddings.domain import Vector
from embeddings.models import Asked, Generation, PromptVector


def remember(generation: Generation, read: Mapping[str, Vector]) -> None:
    """Let a model's own tower have read prompts, for what was embedded as this generation was."""
    PromptVector.objects.keep({_asked(generation, words): vector for words, vector in read.items()})


def _asked(generation: Generation, words: str) -> Asked:
    return Asked(
        model=generation.model,
        spec_version=generation.spec_version,
        checkpoint=generation.checkpoint,
        packages=generation.packages,
        prompt=words,
    )
