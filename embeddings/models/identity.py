"""Identity: what a generation's vectors are computed with, besides its spec; one difference and they do not mix."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Weights, packages and precision; all blank for a model that has no weights and no packages of its own."""

    checkpoint: str = ""
    """SHA-256 of the weights and configuration."""
    packages: str = ""
    """`muq 0.1.0, transformers 4.57.6`."""
    precision: str = ""
    """A value of `domain.Precision`."""


PLAIN = Identity()
"""Of a model that its spec describes completely."""
