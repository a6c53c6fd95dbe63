"""A text tower that was trained for the vectors of a model: a prompt into the very space that its music lies in."""

from contextlib import ExitStack
from pathlib import Path

import torch

from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders.neural.device import release_memory
from embeddings.embedders.neural.enrich import to_vector
from embeddings.embedders.neural.precision import computing_in
from embeddings.embedders.neural.tokens import read_tokenizer
from embeddings.embedders.neural.trial import blaming
from embeddings.embedders.outside import stored_form
from embeddings.embedders.trained_encoder import load_tower, read_shape
from embeddings.embedders.trained_files import weights_path
from embeddings.embedders.trained_weights import read_trained
from embeddings.errors import CheckpointRefused, Refused

SOME_WORDS = "slow sad piano"
MOST_TOKENS = 512
"""As the trainer read captions; what goes beyond is not read."""
CPU = torch.device("cpu")


class TrainedTextEncoder:
    """Reads one prompt at a time, so that its vector does not depend on what else is asked.

    On the CPU, in the precision that the text model's weights were saved in: four billion of them
    take 8 GB in bfloat16. The projection is computed in float32, with the batch norms' running
    statistics.
    """

    def __init__(self, spec: EmbedderSpec, folder: Path) -> None:
        """Load what was trained for a model, from a folder as `trained_files` describes it.

        Raises:
            CheckpointRefused: a file is missing, damaged, or another model's.
            WorkerUnfit: it does not fit into memory.

        """
        self.spec = spec
        trained = read_trained(weights_path(folder, spec.key), spec)
        encoder = folder / trained.text_model
        if not encoder.is_dir():
            raise CheckpointRefused(
                f"{trained.path} needs the folder {encoder} with config.json and tokenizer.json of the text model "
                "that it was trained with."
            )
        # What is read in a moment comes before gigabytes.
        shape = read_shape(encoder)
        self._tokenizer = read_tokenizer(encoder / "tokenizer.json", shape.vocab_size)
        self._tokenizer.enable_truncation(min(MOST_TOKENS, shape.max_position_embeddings))
        with blaming(trained.path, "describes a text tower that cannot be built"):
            self._tower = load_tower(trained, encoder, shape)
        self._try_out(trained.path)

    def encode(self, prompt: str) -> Vector:
        """Turn a prompt into [spec.dimension] float32 of unit length.

        Raises:
            Refused: there is nothing to read in the prompt.

        """
        # Half a surrogate pair can come out of JSON, and is no text.
        text = prompt.encode(errors="ignore").decode()
        encoding = self._tokenizer.encode(text)
        if not text.strip() or all(encoding.special_tokens_mask):
            raise Refused("The prompt is empty; describe the music in a few words.", code="prompt_empty")
        with computing_in("float32", CPU):
            outside = to_vector(self._tower(torch.tensor(encoding.ids)))
        stored: Vector = stored_form(self.spec, [outside])[0]
        return stored

    def _try_out(self, source: Path) -> None:
        """Find out here, and not prompt by prompt, that the tower cannot read.

        Raises:
            CheckpointRefused: it cannot.

        """
        with ExitStack() as undo:
            undo.callback(self.close)
            with blaming(source, "holds a text tower that cannot read"):
                try:
                    self.encode(SOME_WORDS)
                except Refused as refusal:
                    raise ValueError(str(refusal)) from refusal
            undo.pop_all()

    def close(self) -> None:
        """Give the memory back."""
        self._tower.to("meta")
        release_memory(str(CPU))
