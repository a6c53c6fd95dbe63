"""Trains pairs on half of a library's tracks, and looks how well words find the other half in every space."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.words.heard import WHOLE, Heard
from bench.words.labels import LABELS, PROMPTS
from bench.words.pair import train
from recommendations.arithmetic.bridge import Bridge, learn
from recommendations.arithmetic.calibration import Background
from recommendations.asking.stub_texts import stub_vector
from recommendations.prompt_templates import sentences

NEAREST = 10
ASKED = tuple((style, prompt) for style, prompts in PROMPTS.items() for prompt in prompts)
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """A joint space that was learned from half of the tracks."""

    trained: NDArray[np.bool_]
    """[tracks] whether the pair knows what they are."""
    tracks: Vectors
    """[tracks, joint dimension], of all."""
    prompts: Vectors
    """[asked, joint dimension]."""
    templates: Vectors
    """[templates, joint dimension] of the prompts that ship, most of whose words the pair does not know."""


def learn_joint(heard: Heard, *, seed: int) -> Joint:
    """Train a pair on half of each style; everything else is left to be found."""
    styles, chance = np.array(heard.styles), np.random.default_rng(seed)
    trained = np.zeros(len(styles), bool)
    for style in LABELS:
        places = np.flatnonzero(styles == style)
        trained[chance.permutation(places)[: len(places) // 2]] = True
    sounds = heard.vectors[WHOLE]
    pair = train(sounds[trained], styles[trained].tolist(), LABELS, seed=seed)
    prompts = pair.read([prompt for _, prompt in ASKED])
    return Joint(trained=trained, tracks=pair.hear(sounds), prompts=prompts, templates=pair.read(sentences()))


def precisions(heard: Heard, joint: Joint) -> Iterator[tuple[str, float]]:
    """P@10 among the tracks that the pair was not trained on, by how prompts got to where tracks are compared."""
    looking = Looking(np.array(heard.styles), ~joint.trained)
    yield "joint space itself", looking.precision(joint.prompts @ joint.tracks.T)
    for field in ("acoustic", "latent"):
        vectors = heard.vectors[field]
        bridge = replace(learn(joint.tracks, vectors)[0], text_mean=joint.templates.mean(axis=0))
        ways = {"bridge": bridge, "bridge, texts centred as tracks": replace(bridge, text_mean=bridge.joint_mean)}
        for name, way in ways.items():
            yield f"{field}: {name}, cosine", looking.precision(way.map(joint.prompts) @ vectors.T)
            yield f"{field}: {name}, corrected", looking.precision(_corrected(way, joint, vectors))
        stubs = np.stack([stub_vector(prompt, vectors.shape[1]) for _, prompt in ASKED])
        yield f"{field}: stub", looking.precision(stubs @ vectors.T)
    yield "chance", looking.chance


def _corrected(bridge: Bridge, joint: Joint, vectors: Vectors) -> NDArray[np.float64]:
    background = Background.fit(vectors, bridge.map(joint.templates))
    return background.corrected(bridge.map(joint.prompts), vectors)


@dataclass(frozen=True, slots=True)
class Looking:
    """Tracks that may be found, and what they are."""

    styles: NDArray[np.str_]
    """Of all tracks."""
    may_be_found: NDArray[np.bool_]

    def precision(self, scores: NDArray[np.floating]) -> float:
        """Mean share of the right style among the ten best of [asked, tracks], over `ASKED`."""
        found = self.styles[self.may_be_found]
        return float(
            np.mean(
                [
                    np.mean(found[np.argsort(-row[self.may_be_found], kind="stable")[:NEAREST]] == style)
                    for row, (style, _) in zip(scores, ASKED, strict=True)
                ]
            )
        )

    @property
    def chance(self) -> float:
        """What guessing reaches."""
        found = self.styles[self.may_be_found]
        return float(np.mean([np.mean(found == style) for style, _ in ASKED]))

    @property
    def best(self) -> float:
        """What can be reached at all: some styles have fewer than ten tracks left."""
        found = self.styles[self.may_be_found]
        return float(np.mean([min(1.0, np.sum(found == style) / NEAREST) for style, _ in ASKED]))


def collect(heard: Heard, seeds: Sequence[int]) -> Mapping[str, Sequence[float]]:
    """P@10 of several halvings, by way."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        for name, precision in precisions(heard, learn_joint(heard, seed=seed)):
            found.setdefault(name, []).append(precision)
    return found
