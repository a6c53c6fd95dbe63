"""What was fitted is shown: by the command, and on the page of a generation."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from embeddings.models import Generation
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from recommendations.fitting.fit import fit_all
from recommendations.models import StoredBackground
from recommendations.prompt_templates import sentences
from tests.recommendations.library import MadeLibrary, make_library
from tests.recommendations.taught import PLAN, bridge_row, read_templates

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue")]


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(memory: MemoryStore) -> MadeLibrary:
    """80 tracks in two models, one of which shares a space with texts that nobody has read."""
    return make_library(memory, PLAN)


@pytest.fixture
def served(store: VectorStore) -> MadeLibrary:
    """The same in the store that commands ask."""
    return make_library(store, PLAN)


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("fit", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_shows_what_was_fitted(served: MadeLibrary) -> None:
    read_templates(served)
    shown = told()
    lines = [line.strip() for line in shown.splitlines()]
    assert lines[0].startswith(f"{served.generations['acoustic']}  ")
    assert lines[1].startswith(f"background  embedding: 80 tracks, {len(sentences())} texts by bridge; cosines of")
    assert lines[2].startswith(f"bridge      from {served.generations['muq']}: 80 tracks, recall@10 ")
    assert lines[2].endswith("; used")
    assert lines[-1] == "bridge      none: it reads texts itself"


def test_programs_get_an_object(served: MadeLibrary) -> None:
    (fitted,) = json.loads(told("--models", "acoustic", "--json"))["generations"]
    assert fitted["generation"] == served.generations["acoustic"].collection
    assert fitted["bridge"]["gallery"] == 80
    assert "text worker" in fitted["bridge"]["refusal"]


def test_the_command_refuses_with_a_sentence(store: VectorStore) -> None:
    with pytest.raises(CommandError, match="Nothing was embedded with mert") as refused:
        told("--models", "mert")
    assert refused.value.returncode == 3
    with pytest.raises(CommandError, match="no model 'vggish'"):
        told("--models", "vggish")


def test_an_absent_store_is_said_to_be_absent(db: None, memory: MemoryStore) -> None:
    make_library(memory, PLAN)
    with pytest.raises(CommandError) as refused:
        told()
    assert refused.value.returncode == 4


def shown(client: Client, generation: Generation) -> str:
    client.force_login(User.objects.create_superuser("ada"))
    answer = client.get(reverse("admin:embeddings_generation_change", args=[generation.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_of_a_generation_shows_its_background_and_bridge(
    made: MadeLibrary, memory: MemoryStore, client: Client
) -> None:
    fit_all(memory, only_outdated=True)
    page, row = shown(client, made.generations["acoustic"]), bridge_row()
    assert f"it finds {row.quality.recall:.1%} of held-out tracks among the ten nearest of 80" in page
    assert "Not used: The bridge from muq to acoustic waits for texts" in page
    background = StoredBackground.objects.get(generation__model="acoustic")
    assert f"{background.mean:.3f} ± {background.spread:.3f}" in page


def test_the_page_of_one_that_was_not_fitted_says_so(made: MadeLibrary, client: Client) -> None:
    page = shown(client, made.generations["acoustic"])
    assert "Nothing was sampled yet" in page
    assert "No bridge for texts was learned yet" in page
