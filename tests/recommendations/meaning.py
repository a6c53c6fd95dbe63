"""Real tracks whose styles are known, in a store, with a joint space that was learned from half of their styles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from bench.words.heard import WHOLE, Heard
from bench.words.trials import ASKED, Joint
from embeddings.domain import VectorRow
from embeddings.embedders import get_spec
from embeddings.models import Generation, GenerationState, Library, Track, TrackVector
from embeddings.store.base import VectorStore
from recommendations.prompt_templates import sentences
from tests.recommendations.remembered import remember


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Meaning:
    """What was stored."""

    styles: Mapping[str, str]
    """By our id."""
    trained: Sequence[str]
    """Ids of the tracks whose style the pair was told."""
    generations: Mapping[str, Generation]

    def precision(self, found: Sequence[Sequence[str]]) -> float:
        """Mean share of the right style among what was found for each of `ASKED`."""
        right = [[self.styles[one] == style for one in ids] for ids, (style, _) in zip(found, ASKED, strict=True)]
        return float(np.mean([np.mean(row) for row in right]))

    @property
    def chance(self) -> float:
        """What guessing reaches."""
        may_be_found = [style for one, style in self.styles.items() if one not in set(self.trained)]
        return float(np.mean([may_be_found.count(style) / len(may_be_found) for style, _ in ASKED]))


def store_meaning(heard: Heard, joint: Joint, store: VectorStore) -> Meaning:
    """Write catalogue rows and live generations; the tower of `muq` has read the prompts and the templates."""
    library = Library.objects.create(source="folder", external_id=1, name="Music", root="/nowhere")
    tracks = Track.objects.bulk_create(
        Track(
            pk=uuid5(NAMESPACE_URL, key),
            library=library,
            path=key,
            signature="1:1",
            title=key,
            artist=key.partition(":")[0],
            genres=[style],
            duration=60.0,
        )
        for key, style in zip(heard.keys, heard.styles, strict=True)
    )
    # Nobody looks at this one; a generation with joint vectors has to have it.
    whole = heard.vectors[WHOLE]
    beside = np.pad(whole, ((0, 0), (0, get_spec("muq").dimension - whole.shape[1])))
    generations = {
        "muq": _fill("muq", tracks, beside, joint.tracks, store),
        "acoustic": _fill("acoustic", tracks, heard.vectors["acoustic"], None, store),
        "latent": _fill("latent", tracks, heard.vectors["latent"], None, store),
    }
    texts = [prompt for _, prompt in ASKED]
    read = np.concatenate([joint.prompts, joint.templates])
    remember(generations["muq"], dict(zip([*texts, *sentences()], read, strict=True)))
    ids = [str(track.pk) for track in tracks]
    return Meaning(
        styles=dict(zip(ids, heard.styles, strict=True)),
        trained=[one for one, known in zip(ids, joint.trained, strict=True) if known],
        generations=generations,
    )


def _fill(
    model: str,
    tracks: Sequence[Track],
    vectors: NDArray[np.float32],
    joints: NDArray[np.float32] | None,
    store: VectorStore,
) -> Generation:
    spec = get_spec(model)
    made = Generation.objects.open(spec, state=GenerationState.LIVE, taken=store.collections())
    store.create(made.collection, spec.dimension, joint_dimension=spec.joint_dimension)
    rows = [
        VectorRow(
            id=str(track.pk),
            name=track.name,
            embedding=vectors[place],
            offset=0.0,
            model_id=made.model_id,
            library_id=track.library_id,
            artist_key=track.artist_key,
            album_key=track.album_key,
            joint=None if joints is None else joints[place],
        )
        for place, track in enumerate(tracks)
    ]
    store.upsert(made.collection, rows)
    store.flush(made.collection)
    TrackVector.objects.record([TrackVector(generation=made, track=track, signature="1:1") for track in tracks])
    return made
