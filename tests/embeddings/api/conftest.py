"""A model whose generations may be promoted and dropped without anybody missing them."""

from tests.embeddings.jobs.weighted import weights

__all__ = ["weights"]
