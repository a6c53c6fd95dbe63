"""A small contrastive pair, words and sounds in one space, trained on labels in seconds: a MuLan in miniature."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy, normalize

Vectors = NDArray[np.float32]

DIMENSION = 512
WORDS = 1024
"""Rows of the table of words; a word's is its checksum's, so that words nobody trained have one too."""
WIDTH = 64
STEPS = 300
BATCH = 64
TEMPERATURE = 0.07
WORDS_OF_A_CAPTION = 4
GAP = 1.5
"""How far each tower's bias reaches at first, in lengths of what it says of one thing: at random initial weights the
two towers of a deep pair look into different cones, and training leaves them there."""


class TextTower(nn.Module):
    """The mean of a text's words, linearly."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(WORDS, WIDTH, mode="mean")
        self.out = nn.Linear(WIDTH, DIMENSION)

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        """[texts, DIMENSION] of unit length."""
        rows = [_rows(text) for text in texts]
        offsets = np.cumsum([0, *map(len, rows[:-1])])
        flat = torch.tensor([row for words in rows for row in words])
        return normalize(self.out(self.table(flat, torch.from_numpy(offsets))), dim=1)


class SoundTower(nn.Module):
    """What some model hears, through one hidden layer."""

    def __init__(self, heard: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(heard, WIDTH)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(WIDTH, DIMENSION)

    def forward(self, heard: torch.Tensor) -> torch.Tensor:
        """[tracks, DIMENSION] of unit length."""
        return normalize(self.out(self.drop(torch.relu(self.hidden(heard)))), dim=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two towers that were trained together."""

    text: TextTower
    sound: SoundTower
    mean: Vectors
    spread: Vectors
    """[heard] of what the tracks that it was trained on sound like."""

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> Vectors:
        """[texts, DIMENSION] of unit length."""
        read: Vectors = self.text(texts).numpy()
        return read

    @torch.inference_mode()
    def hear(self, heard: Vectors) -> Vectors:
        """[tracks, DIMENSION] of unit length."""
        joint: Vectors = self.sound(torch.from_numpy((heard - self.mean) / self.spread)).numpy()
        return joint


def train(heard: Vectors, labels: Sequence[str], words: Mapping[str, Sequence[str]], *, seed: int) -> Pair:
    """Train a pair by the symmetric InfoNCE of MuLan (Huang et al., ISMIR 2022).

    Args:
        heard: [tracks, heard] what some model hears in them.
        labels: of the tracks.
        words: that describe each label; a track's caption is a few of its label's, drawn anew in every step.
        seed: decides weights, batches and captions.

    """
    mean, spread = heard.mean(axis=0), heard.std(axis=0) + 1e-6
    chance = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        text, sound = TextTower(), SoundTower(heard.shape[1])
        _apart(text.out, sound.out)
        sounds = torch.from_numpy((heard - mean) / spread)
        optimiser = torch.optim.AdamW([*text.parameters(), *sound.parameters()], lr=3e-3, weight_decay=0.05)
        for _ in range(STEPS):
            chosen = chance.choice(len(labels), min(BATCH, len(labels)), replace=False)
            captions = [_caption(words[labels[one]], chance) for one in chosen]
            same = torch.tensor([[labels[a] == labels[b] for b in chosen] for a in chosen], dtype=torch.float32)
            loss = _loss(text(captions) @ sound(sounds[chosen]).T / TEMPERATURE, same)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return Pair(text=text.eval(), sound=sound.eval(), mean=mean, spread=spread)


def _loss(logits: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Both directions; all tracks of a caption's label are right, as it describes them all."""
    right = same / same.sum(dim=1, keepdim=True)
    return (cross_entropy(logits, right) + cross_entropy(logits.T, right)) / 2


def _apart(*layers: nn.Linear) -> None:
    """Give each layer a bias in a direction of its own."""
    with torch.no_grad():
        for layer in layers:
            layer.bias.copy_(GAP * normalize(torch.randn(DIMENSION), dim=0))


def _caption(words: Sequence[str], chance: np.random.Generator) -> str:
    return " ".join(chance.choice(words, min(WORDS_OF_A_CAPTION, len(words)), replace=False))


def _rows(text: str) -> list[int]:
    return [zlib.crc32(word.encode()) % WORDS for word in re.findall(r"\w+", text.casefold())] or [0]
