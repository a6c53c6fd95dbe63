"""MuQ-MuLan's reader: a prompt in any language into the space that it shares with music."""

from contextlib import ExitStack
from pathlib import Path

import torch

from embeddings.domain import Vector
from embeddings.embedders import get_spec
from embeddings.embedders.base import Runtime
from embeddings.embedders.muq_checkpoint import XLM_ROBERTA, folders_of, load_text_tower
from embeddings.embedders.neural.device import release_memory
from embeddings.embedders.neural.enrich import to_vector
from embeddings.embedders.neural.precision import computing_in
from embeddings.embedders.neural.tokens import read_tokenizer
from embeddings.embedders.neural.trial import blaming
from embeddings.errors import Refused

SOME_WORDS = "slow sad piano"


class MuqTextEncoder:
    """Reads one prompt at a time: beside a longer one the model would read the padding along.

    What goes beyond the model's 512 tokens is not read. Always in float32, as a prompt takes no time.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Load XLM-R and what is on top of it; the audio tower stays on disk.

        Raises:
            CheckpointRefused: the weights or the tokenizer are missing, damaged or not this model's.

        """
        self.spec = get_spec("muq")
        self._device = torch.device(runtime.device)
        folders = folders_of(self.spec, runtime.checkpoint)
        tower = load_text_tower(self.spec, folders).eval().requires_grad_(False)
        self._tokenizer = read_tokenizer(folders[XLM_ROBERTA] / "tokenizer.json", tower.vocabulary)
        self._tokenizer.enable_truncation(tower.max_tokens)
        self._tower = tower.to(self._device)
        self._try_out(folders[XLM_ROBERTA] / "config.json")

    def encode(self, prompt: str) -> Vector:
        """Turn a prompt into [joint_dimension] float32 of unit length, as the package does for this prompt alone.

        Raises:
            Refused: there is nothing to read in the prompt.

        """
        # Half a surrogate pair can come out of JSON, and is no text.
        text = prompt.encode(errors="ignore").decode()
        encoding = self._tokenizer.encode(text)
        if not text.strip() or all(encoding.special_tokens_mask):
            raise Refused("The prompt is empty; describe the music in a few words.", code="prompt_empty")
        with computing_in("float32", self._device):
            latent = self._tower(torch.tensor([encoding.ids], device=self._device))[0]
            return to_vector(latent)

    def _try_out(self, source: Path) -> None:
        """Find out here, and not prompt by prompt, that the model cannot read.

        Raises:
            CheckpointRefused: it cannot.

        """
        with ExitStack() as undo:
            undo.callback(self.close)
            with blaming(source, "describes a model that cannot read"):
                try:
                    self.encode(SOME_WORDS)
                except Refused as refusal:
                    raise ValueError("its tokenizer finds no words") from refusal
            undo.pop_all()

    def close(self) -> None:
        """Give the memory back."""
        self._tower.to("meta")
        release_memory(str(self._device))
