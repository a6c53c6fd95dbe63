"""Tracks in, outcomes out: everything accounted for, whatever the files and the model do."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from embeddings.audio.decoders import Decoder
from embeddings.domain import Samples, TrackRef, Window
from embeddings.embedders.base import Features
from embeddings.errors import OutOfMemory, TrackError
from embeddings.jobs.pipeline import Embedded, Outcome, Pipeline, Unembeddable
from tests.conftest import SAMPLE
from tests.embeddings.jobs.level import LEVEL, LevelEmbedder


def refs_of(folder: Path) -> list[TrackRef]:
    files = sorted(path for path in folder.rglob("*") if path.suffix not in {".md", ""})
    return [ref(folder, path.relative_to(folder).as_posix()) for path in files]


def ref(root: Path, path: str) -> TrackRef:
    return TrackRef(
        id=path, root=str(root), path=path, name=path, library_id=1, artist_key="", album_key="", signature="1"
    )


@pytest.fixture(scope="module")
def decoders() -> Iterator[list[Decoder]]:
    made = [Decoder(max_seconds=3600, stall_seconds=30, memory_mb=1024) for _ in range(2)]
    yield made
    for decoder in made:
        decoder.close()


def embed(
    decoders: Sequence[Decoder], refs: Sequence[TrackRef], *, slices: int = 8, embedder: LevelEmbedder | None = None
) -> dict[str, Outcome]:
    feed = iter([refs[at : at + slices] for at in range(0, len(refs), slices)])
    model = embedder or LevelEmbedder()
    found = [one for some in Pipeline(model.spec, model, decoders).run(feed) for one in some]
    assert len(found) == len(refs)
    return {outcome.track_id: outcome for outcome in found}


def vector(outcome: Outcome) -> Samples:
    assert isinstance(outcome, Embedded), outcome
    return outcome.embedding.vector


def test_every_track_of_the_sample_is_embedded(decoders: list[Decoder]) -> None:
    found = embed(decoders, refs_of(SAMPLE))
    assert all(isinstance(outcome, Embedded) and 29 < outcome.audio_seconds < 31 for outcome in found.values())


def test_a_track_alone_has_the_vector_it_has_among_others(decoders: list[Decoder]) -> None:
    refs = refs_of(SAMPLE)[:6]
    together = embed(decoders, refs)
    for one in refs[:2]:
        np.testing.assert_allclose(vector(embed(decoders, [one])[one.id]), vector(together[one.id]), atol=1e-6)


def test_a_bad_file_fails_alone(decoders: list[Decoder], tmp_path: Path) -> None:
    shutil.copy(SAMPLE / "Flare/Fantasycore/05 - Forest theme.mp3", tmp_path / "good.mp3")
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("not music at all\n" * 1000)
    found = embed(decoders, [ref(tmp_path, name) for name in ("empty.mp3", "gone.mp3", "good.mp3", "text.mp3")])
    codes = {name: one.error.code for name, one in found.items() if isinstance(one, Unembeddable)}
    assert set(codes) == {"empty.mp3", "gone.mp3", "text.mp3"}
    assert codes["gone.mp3"] == "audio_missing"


def test_stopping_returns_what_no_decoder_has_begun(decoders: list[Decoder]) -> None:
    refs = refs_of(SAMPLE)
    pipeline = Pipeline(LEVEL, LevelEmbedder(), decoders)
    outcomes = pipeline.run(iter([refs]))
    finished = list(next(outcomes))
    dropped = pipeline.stop()
    finished += [one for some in outcomes for one in some]
    assert {one.track_id for one in finished} | {one.id for one in dropped} == {one.id for one in refs}
    assert len(finished) + len(dropped) == len(refs)


def test_abandoning_ends_the_threads_and_the_decoders_serve_the_next_run(decoders: list[Decoder]) -> None:
    refs = refs_of(SAMPLE)
    outcomes = Pipeline(LEVEL, LevelEmbedder(), decoders).run(iter([refs]))
    next(outcomes)
    outcomes.close()
    assert len(embed(decoders, refs[:4])) == 4


class CrampedEmbedder(LevelEmbedder):
    """A model that has no room for loud windows, and soon none for large batches."""

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """Refuse what is loud; take fewer windows from now on."""
        assert len(windows) <= self.batch_windows
        self.batch_windows = max(1, self.batch_windows - 1)
        rows = super().embed_windows(windows)
        return [row if isinstance(row, TrackError) or row[0] <= LOUD else OutOfMemory("too loud") for row in rows]


LOUD = 0.2


def test_a_window_that_cannot_be_computed_fails_its_track_alone(decoders: list[Decoder]) -> None:
    refs = refs_of(SAMPLE)
    wanted, found = embed(decoders, refs), embed(decoders, refs, embedder=CrampedEmbedder())
    failed = {name for name, one in found.items() if isinstance(one, Unembeddable)}
    assert 0 < len(failed) < len(refs)
    for name in wanted.keys() - failed:
        np.testing.assert_allclose(vector(found[name]), vector(wanted[name]), atol=1e-6)


@pytest.mark.parametrize("skips_silence", [True, False])
def test_silence_inside_a_track_counts_unless_the_model_skips_it(
    decoders: list[Decoder], tmp_path: Path, *, skips_silence: bool
) -> None:
    loud = 0.3 * np.random.default_rng(1).standard_normal(8_000 * 8).astype(np.float32)
    soundfile.write(tmp_path / "loud.wav", loud, 8_000)
    soundfile.write(tmp_path / "gap.wav", np.concatenate([np.zeros(8_000 * 8, np.float32), loud]), 8_000)
    model = LevelEmbedder()
    model.spec = replace(LEVEL, skips_silence=skips_silence)
    found = embed(decoders, [ref(tmp_path, "loud.wav"), ref(tmp_path, "gap.wav")], embedder=model)
    alike = np.allclose(vector(found["loud.wav"]), vector(found["gap.wav"]), atol=1e-6)
    gap = found["gap.wav"]
    assert isinstance(gap, Embedded)
    assert (alike, gap.offset) == (skips_silence, 8.0)


class BrokenEmbedder(LevelEmbedder):
    """A model with a bug."""

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """Break."""
        raise ZeroDivisionError("a bug in the model")


def test_a_bug_in_the_model_is_raised_and_blames_no_track(decoders: list[Decoder]) -> None:
    with pytest.raises(ZeroDivisionError, match="a bug in the model"):
        list(Pipeline(LEVEL, BrokenEmbedder(), decoders).run(iter([refs_of(SAMPLE)])))
