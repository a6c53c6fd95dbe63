"""The table of embedding models; everything that offers a choice of models reads it from here."""

from importlib import import_module

from embeddings.domain import EmbedderSpec
from embeddings.embedders.base import Embedder
from embeddings.errors import UnknownEmbedder

SPECS: dict[str, EmbedderSpec] = {
    spec.key: spec
    for spec in (
        EmbedderSpec(
            key="acoustic",
            title="Acoustic: timbre, rhythm, harmony, dynamics; handcrafted, runs on any CPU",
            version=1,
            loader="embeddings.embedders.acoustic:AcousticEmbedder",
            dimension=320,
            sample_rate=24_000,
            channels=1,
            window_seconds=10.0,
            hop_seconds=10.0,
            min_seconds=1.0,
            alias="acoustic_embedding",
            batch_windows=16,
            licence="MIT",
            source="this project",
        ),
    )
}


def get_spec(key: str) -> EmbedderSpec:
    """Look up a model.

    Raises:
        UnknownEmbedder: no spec has this key.

    """
    try:
        return SPECS[key]
    except KeyError:
        raise UnknownEmbedder(key, sorted(SPECS)) from None


def load_embedder(spec: EmbedderSpec) -> Embedder:
    """Import the model's file and load it; takes seconds and gigabytes for the large ones."""
    module, _, name = spec.loader.partition(":")
    loaded: Embedder = getattr(import_module(module), name)()
    return loaded
