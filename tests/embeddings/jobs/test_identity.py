"""With what vectors are made: the same goes on with a generation, anything else opens another beside it."""

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from embeddings import conf
from embeddings.domain import EmbedderSpec
from embeddings.embedders import get_spec
from embeddings.errors import CheckpointRefused, Refused
from embeddings.jobs.generations import ensure_generation, promote
from embeddings.jobs.identity import identify
from embeddings.models import PLAIN, Generation, Identity, Library, Track, TrackVector
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.weighted import WEIGHTED, write_weights

pytestmark = pytest.mark.django_db
MADE_WITH = Identity(checkpoint="a" * 64, packages="numpy 2.4.6", precision="float32")


def here(spec: EmbedderSpec = WEIGHTED, *, precision: str = "auto") -> Identity:
    return identify(spec, replace(conf.models(), precision=precision), lambda _sentence: None)


def with_a_vector(generation: Generation) -> Generation:
    """The generation, which somebody would miss."""
    library, _ = Library.objects.get_or_create(source="folder", external_id=1, name="music", root="/music")
    track = Track.objects.create(library=library, path=generation.collection, signature="1-1")
    TrackVector.objects.record([TrackVector(generation=generation, track=track, signature="1-1")])
    return generation


def test_a_model_without_weights_is_described_by_its_spec() -> None:
    assert here(get_spec("acoustic")) == PLAIN


def test_a_generation_from_before_identities_is_gone_on_with() -> None:
    spec, store = get_spec("acoustic"), MemoryStore()
    old = Generation.objects.create(
        model=spec.key, number=1, spec_version=spec.version, dimension=spec.dimension, collection="old", state="live"
    )
    assert ensure_generation(spec, here(spec), store) == old


def test_an_identity_names_weights_packages_and_precision(weights: Path) -> None:
    found = here()
    assert len(found.checkpoint) == 64
    assert (found.packages, found.precision) == (f"numpy {metadata.version('numpy')}", "float32")


def test_other_weights_are_another_identity(weights: Path) -> None:
    before = here()
    assert here() == before
    write_weights(weights, 3.0)
    assert here() == replace(before, checkpoint=here().checkpoint) != before


def test_the_same_identity_keeps_its_generation() -> None:
    store = MemoryStore()
    assert ensure_generation(WEIGHTED, MADE_WITH, store) == ensure_generation(WEIGHTED, MADE_WITH, store)
    assert Generation.objects.get().joint_dimension == 2


@pytest.mark.parametrize(
    ("spec", "identity"),
    [
        (WEIGHTED, replace(MADE_WITH, checkpoint="b" * 64)),
        (WEIGHTED, replace(MADE_WITH, packages="numpy 2.5.0")),
        (WEIGHTED, replace(MADE_WITH, precision="bfloat16")),
        (replace(WEIGHTED, version=2), MADE_WITH),
    ],
)
def test_any_difference_begins_a_generation_beside_the_live_one(spec: EmbedderSpec, identity: Identity) -> None:
    store = MemoryStore()
    live = with_a_vector(ensure_generation(WEIGHTED, MADE_WITH, store))
    other = ensure_generation(spec, identity, store)
    assert (live.state, other.state) == ("live", "building")
    assert (other.identity, other.spec_version) == (identity, spec.version)
    assert store.alias_target(spec.alias) == live.collection
    assert ensure_generation(spec, identity, store) == other


def test_what_is_live_and_empty_gives_way_at_once() -> None:
    store = MemoryStore()
    ensure_generation(WEIGHTED, MADE_WITH, store)
    other = ensure_generation(WEIGHTED, replace(MADE_WITH, checkpoint="b" * 64), store)
    assert (other.state, store.alias_target(WEIGHTED.alias)) == ("live", other.collection)


def test_a_live_generation_that_the_store_lost_gives_way_to_another_identity() -> None:
    with_a_vector(ensure_generation(WEIGHTED, MADE_WITH, MemoryStore()))
    fresh = MemoryStore()
    other = ensure_generation(WEIGHTED, replace(MADE_WITH, checkpoint="b" * 64), fresh)
    assert (other.state, fresh.alias_target(WEIGHTED.alias)) == ("live", other.collection)
    assert not TrackVector.objects.exists()


def test_what_is_built_goes_on_although_something_else_was_begun_later() -> None:
    store = MemoryStore()
    with_a_vector(ensure_generation(WEIGHTED, MADE_WITH, store))
    second, third = (replace(MADE_WITH, checkpoint=letter * 64) for letter in "bc")
    built = ensure_generation(WEIGHTED, second, store)
    later = with_a_vector(ensure_generation(WEIGHTED, third, store))
    promote(WEIGHTED, later, store, force_because="")
    assert ensure_generation(WEIGHTED, second, store) == built


def test_left_to_choose_the_precision_stays_what_it_was(weights: Path) -> None:
    ensure_generation(WEIGHTED, replace(here(), precision="bfloat16"), MemoryStore())
    assert here().precision == "bfloat16"
    assert here(precision="float32").precision == "float32"
    write_weights(weights, 3.0)
    assert here().precision == "float32"


def test_a_precision_that_this_machine_cannot_compute_is_refused(weights: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be computed in PRECISION=tf32 on cpu.*set PRECISION=auto"):
        here(replace(WEIGHTED, precisions=("tf32", "float32")), precision="tf32")


def test_left_to_choose_a_precision_that_other_machines_compute_is_kept(weights: Path) -> None:
    spec = replace(WEIGHTED, precisions=("tf32", "float32"))
    ensure_generation(spec, replace(here(spec), precision="tf32"), MemoryStore())
    assert here(spec).precision == "tf32"


def test_a_precision_that_the_model_is_not_computed_in_is_refused(weights: Path) -> None:
    with pytest.raises(Refused, match="choose from auto, bfloat16, float32"):
        here(precision="tf32")


def test_a_package_that_is_not_installed_is_named(weights: Path) -> None:
    with pytest.raises(Refused, match="needs the Python package no-such-package"):
        here(replace(WEIGHTED, packages=("no-such-package",)))


def test_a_build_for_a_machine_is_no_other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "computes-2.13.0+cu130.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: computes\nVersion: 2.13.0+cu130\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert here(replace(WEIGHTED, checkpoint=(), packages=("computes",))).packages == "computes 2.13.0"


def test_a_checkpoint_that_is_not_there_is_refused(weights: Path) -> None:
    (weights / "weights.json").unlink()
    with pytest.raises(CheckpointRefused, match=r"weights\.json"):
        here()
