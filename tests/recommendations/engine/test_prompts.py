"""What the engine makes of words: alone, with seeds, and as what is not wanted."""

from dataclasses import replace

import numpy as np
import pytest

from embeddings.errors import Refused
from recommendations.domain import Negatives, Prompt, Seed, Variety
from recommendations.fitting.sampling import TextProbes, sample
from recommendations.models import StoredBackground
from tests.recommendations.engine.conftest import Asker

ANY = Variety(per_artist=0, per_album=0)
MUQ = {"models": ["muq"], "variety": ANY}


def test_a_prompt_finds_what_it_describes(asker: Asker) -> None:
    asker.know(Jazz="smoky jazz club")
    assert set(asker.genres(prompts=[Prompt(text="smoky  jazz club")], mode="text", limit=12, **MUQ)) == {"Jazz"}


def test_several_prompts_count_by_their_weight(asker: Asker) -> None:
    asker.know(Jazz="smoky jazz club", Metal="screaming guitars")
    counts = [
        asker.genres(
            prompts=[Prompt(text="smoky jazz club", weight=weight), Prompt(text="screaming guitars")], limit=20, **MUQ
        ).count("Jazz")
        for weight in (0.02, 1.0, 50.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]


def test_words_and_seeds_mix(asker: Asker) -> None:
    asker.know(Metal="screaming guitars")
    jazz = asker.made.of_genre("Jazz")[:3]
    genres = asker.genres(*jazz, prompts=[Prompt(text="screaming guitars")], limit=20, **MUQ)
    assert {"Jazz", "Metal"} <= set(genres)


def test_the_prompt_is_named_as_a_reason(asker: Asker) -> None:
    asker.know(Jazz="smoky jazz club")
    best = asker.ask(prompts=[Prompt(text="smoky jazz club")], limit=3, **MUQ).tracks[0].explanation
    assert "“smoky jazz club”" in best.sentence
    assert best.queries[0].share == pytest.approx(1.0)
    assert best.closest is None


def test_what_is_not_wanted_moves_down(asker: Asker) -> None:
    asker.know(Metal="screaming guitars")
    seeds = [asker.made.of_genre(genre)[0] for genre in ("Jazz", "Metal")]
    unwanted = Negatives(prompts=[Prompt(text="screaming guitars")], penalty=0.3)
    plain = asker.genres(*seeds, limit=16, **MUQ)
    without = asker.ask(*seeds, limit=16, negatives=unwanted, **MUQ)
    genres = [one.candidate.genres[0] for one in without.tracks]
    assert genres.count("Metal") < plain.count("Metal")
    assert all(one.negative_similarity is not None for one in without.tracks)


def test_a_penalty_of_one_changes_nothing(asker: Asker) -> None:
    asker.know(Metal="screaming guitars")
    seed = asker.made.of_genre("Metal")[0]
    unwanted = Negatives(prompts=[Prompt(text="screaming guitars")], penalty=1.0)
    assert asker.ids(seed, limit=16, negatives=unwanted, **MUQ) == asker.ids(seed, limit=16, **MUQ)


def test_a_smaller_penalty_never_raises_a_score(asker: Asker) -> None:
    asker.know(Metal="screaming guitars")
    seed = asker.made.of_genre("Metal")[0]
    unwanted = Negatives(prompts=[Prompt(text="screaming guitars")])
    mild, hard = (
        {
            one.candidate.id: one.score
            for one in asker.ask(seed, limit=90, negatives=replace(unwanted, penalty=penalty), **MUQ).tracks
        }
        for penalty in (0.9, 0.4)
    )
    assert mild.keys() & hard.keys()
    assert all(hard[key] <= mild[key] for key in mild.keys() & hard.keys())


def test_words_that_reach_no_model_are_refused(asker: Asker) -> None:
    with pytest.raises(Refused) as caught:
        asker.ask(prompts=[Prompt(text="smoky jazz club")], models=["acoustic"])
    assert caught.value.code == "no_text"


def test_words_that_reach_no_model_are_a_warning_beside_seeds(asker: Asker) -> None:
    seed = Seed(key=str(asker.made.tracks[0].pk))
    answer = asker.ask(seed, prompts=[Prompt(text="smoky jazz club")], models=["acoustic"])
    assert answer.tracks
    assert any("in words" in warning for warning in answer.warnings)


def test_a_stub_is_marked_in_the_answer(asker: Asker, settings: object) -> None:
    settings.TEXT_USE_STUBS = True  # type: ignore[attr-defined]
    answer = asker.ask(prompts=[Prompt(text="smoky jazz club")], models=["acoustic"])
    assert answer.is_stub
    assert any("means nothing" in warning for warning in answer.warnings)


def test_words_are_compared_without_knowing_what_texts_are_like_and_it_is_said(asker: Asker) -> None:
    asker.know(Metal="screaming guitars")
    best = asker.ask(prompts=[Prompt(text="screaming guitars")], limit=5, **MUQ)
    assert best.tracks[0].score > 0.9
    assert any("manage.py fit" in warning for warning in best.warnings)
    unwanted = Negatives(prompts=[Prompt(text="screaming guitars")], penalty=0.9)
    tracks = asker.ask(*asker.made.of_genre("Jazz")[:2], limit=90, negatives=unwanted, **MUQ).tracks
    nearest = [one.negative_similarity or 0.0 for one in tracks if "Metal" in one.candidate.genres]
    assert np.median(nearest) > 0.8


def test_where_texts_were_read_before_nothing_is_said(asker: Asker) -> None:
    asker.know(Metal="screaming guitars")
    texts = np.stack([asker.made.middles["muq.joint", genre] for genre in ("Jazz", "Metal", "Folk", "Ambient")])
    sample(asker.made.generations["muq"], "joint", asker.store, texts=TextProbes(vectors=texts, wording="tower"))
    assert asker.ask(prompts=[Prompt(text="screaming guitars")], limit=5, **MUQ).warnings == ()


def test_words_alone_need_no_background_of_sounds(asker: Asker) -> None:
    asker.know(Jazz="smoky jazz club")
    asker.ask(prompts=[Prompt(text="smoky jazz club")], limit=5, **MUQ)
    assert [row.field for row in StoredBackground.objects.all()] == ["joint"]
