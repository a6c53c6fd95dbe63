"""The table of embedding models; everything that offers a choice of models reads it from here."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from embeddings.domain import EmbedderSpec, HubFiles, Samples, Window
from embeddings.embedders.base import Embedder, Runtime, TextEncoder
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
            skips_silence=True,
        ),
        EmbedderSpec(
            key="muq",
            title="MuQ-MuLan: what the music is like, in a space shared with text",
            version=1,
            loader="embeddings.embedders.muq:MuqEmbedder",
            dimension=1536,
            sample_rate=24_000,
            channels=1,
            window_seconds=120.0,
            hop_seconds=15.0,
            min_seconds=1.0,
            alias="embedding",
            batch_windows=64,
            licence="MIT",
            source="https://arxiv.org/abs/2501.01108",
            cutter="embeddings.audio.clips:cut_clips",
            clip_seconds=10.0,
            joint_dimension=512,
            text_loader="embeddings.embedders.muq_text:MuqTextEncoder",
            weights_licence="CC BY-NC 4.0",
            checkpoint=(
                HubFiles(
                    repository="OpenMuQ/MuQ-MuLan-large",
                    revision="2e01c796b71dca71b45251384c04cd7b237c9020",
                    names=("config.json", "pytorch_model.bin"),
                    megabytes=2_600,
                ),
                HubFiles(
                    repository="OpenMuQ/MuQ-large-msd-iter",
                    revision="0562a57814f6f8bbd9fdea0a25921a2fce1a841a",
                    names=("config.json",),
                    folder="MuQ-large-msd-iter",
                ),
                HubFiles(
                    repository="FacebookAI/xlm-roberta-base",
                    revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
                    names=("config.json", "tokenizer.json"),
                    folder="xlm-roberta-base",
                ),
            ),
            packages=("muq", "transformers"),
            precisions=("bfloat16", "tf32", "float32"),
            window_megabytes=220.0,
        ),
        EmbedderSpec(
            key="mert",
            title="MERT-v1-330M: musical structure, from acoustics to harmony, in 25 layers",
            version=1,
            loader="embeddings.embedders.mert:MertEmbedder",
            dimension=4096,
            sample_rate=24_000,
            channels=1,
            window_seconds=30.0,
            hop_seconds=5.0,
            min_seconds=1.0,
            alias="mert_embedding",
            batch_windows=32,
            licence="Apache-2.0",
            source="https://arxiv.org/abs/2306.00107",
            outside_dimension=76_800,
            weights_licence="CC BY-NC 4.0",
            checkpoint=(
                HubFiles(
                    repository="m-a-p/MERT-v1-330M",
                    revision="5240c2708a5acaee1007f43fb9735c7dcd0b78c9",
                    names=("config.json", "preprocessor_config.json", "pytorch_model.bin"),
                    megabytes=1_260,
                ),
            ),
            packages=("transformers",),
            precisions=("bfloat16", "tf32", "float32"),
            window_megabytes=760.0,
        ),
        EmbedderSpec(
            key="latent",
            title="Music2Latent: the sound itself, as a codec that can rebuild it hears it",
            version=1,
            loader="embeddings.embedders.music2latent:Music2LatentEmbedder",
            dimension=576,
            sample_rate=44_100,
            channels=2,
            # 856 STFT frames of 512 samples, and the three hops that the last frame reaches beyond its own.
            window_seconds=(856 * 512 + 3 * 512) / 44_100,
            hop_seconds=856 * 512 / 44_100,
            min_seconds=1.0,
            alias="latent_embedding",
            batch_windows=16,
            licence="CC BY-NC 4.0",
            source="https://arxiv.org/abs/2408.06500",
            cutter="embeddings.audio.chunks:cut_chunks",
            weights_licence="CC BY-NC 4.0",
            checkpoint=(HubFiles(repository="SonyCSLParis/music2latent", revision="main", names=("music2latent.pt",)),),
            packages=("music2latent",),
            precisions=("tf32", "float32"),
            window_megabytes=1200.0,
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


def load_embedder(spec: EmbedderSpec, runtime: Runtime | None = None) -> Embedder:
    """Import the model's file and load it; takes seconds and gigabytes for the large ones.

    Raises:
        CheckpointRefused: its weights are missing, damaged or not this model's.

    """
    loaded: Embedder = _resolved(spec.loader)(runtime or Runtime())
    return loaded


Cutter = Callable[[Iterable[Samples], EmbedderSpec], Iterator[Window]]
"""Cuts a track's blocks of audio, [n] or [n, 2] at the spec's rate, into the windows that its model takes."""


def load_cutter(spec: EmbedderSpec) -> Cutter:
    """Import what cuts tracks for a model; needs nothing of the model itself."""
    cutter: Cutter = _resolved(spec.cutter)
    return cutter


def load_text_encoder(spec: EmbedderSpec, runtime: Runtime | None = None) -> TextEncoder:
    """Import and load the text tower of a model that has one.

    Raises:
        CheckpointRefused: its weights are missing, damaged or not this model's.

    """
    loaded: TextEncoder = _resolved(spec.text_loader)(runtime or Runtime())
    return loaded


TRAINED_LOADER = "embeddings.embedders.trained_text:TrainedTextEncoder"


def load_trained_encoder(spec: EmbedderSpec, folder: Path) -> TextEncoder:
    """Import and load a text tower that was trained for the vectors of a model; see `trained_files`.

    Raises:
        CheckpointRefused: its files are missing, damaged or not of this model.

    """
    loaded: TextEncoder = _resolved(TRAINED_LOADER)(spec, folder)
    return loaded


def _resolved(dotted: str) -> Any:
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
