"""The page on which recommendations are tried, and the list of what was answered."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from embeddings.models import Track
from recommendations.models import Answered
from recommendations.prompt_templates import templates
from recommendations.store import vector_store
from tests.recommendations.library import MadeLibrary
from tests.recommendations.served import song

pytestmark = pytest.mark.django_db
PAGE = "/admin/recommendations/try/"
LIST = "/admin/recommendations/answered/"


@pytest.fixture
def ada(client: Client, transactional_db: None) -> Client:
    """The browser of an administrator."""
    client.force_login(User.objects.create_superuser("ada"))
    return client


def page(browser: Client, **given: Any) -> str:
    answer = browser.post(PAGE, given) if given else browser.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(shown: str) -> list[str]:
    """Lists of tracks on the page, a string each."""
    return [part.partition("</ol>")[0] for part in shown.split('<ol class="try-answer">')[1:]]


def test_the_first_page_leads_there(ada: Client) -> None:
    assert PAGE in ada.get("/admin/").content.decode()
    assert PAGE in ada.get(LIST).content.decode()


def test_an_empty_page_asks_nothing(ada: Client) -> None:
    shown = page(ada)
    assert listed(shown) == []
    assert "errorlist" not in shown
    assert "<script>" not in shown
    assert "style=" not in shown


def test_seeds_are_found_chosen_and_put_back(ada: Client, served: MadeLibrary) -> None:
    seed, other = song(served, "Song 00.0.1"), song(served, "Song 00.0.2")
    shown = page(ada, q="song 00.0", find="1")
    assert f'name="add" value="{seed.pk}"' in shown
    shown = page(ada, q="song 00.0", seed=str(other.pk), add=str(seed.pk))
    assert f'name="seed" value="{seed.pk}"' in shown
    assert f'name="add" value="{seed.pk}"' not in shown
    shown = page(ada, seed=[str(other.pk), str(seed.pk)], remove=str(seed.pk))
    assert f'name="seed" value="{seed.pk}"' not in shown
    assert f'name="seed" value="{other.pk}"' in shown
    assert listed(shown) == []


def test_a_search_says_how_many_it_does_not_show(ada: Client, served: MadeLibrary) -> None:
    matching = Track.objects.present().matching("song").count()
    assert f"and {matching - 8} more" in page(ada, q="song", find="1")
    assert " more</li>" not in page(ada, q="song 00.0.1", find="1")


def test_what_is_wrong_is_said_above_the_form(ada: Client) -> None:
    for shown in (page(ada, prompts="slow", count="0", go="1"), page(ada, go="1")):
        assert 0 < shown.find("errornote") < shown.index('<form method="post" id="try"')
        assert 'id="result"' not in shown


def test_a_template_s_words_join_the_prompts(ada: Client) -> None:
    template = templates()[3]
    shown = page(ada, prompts="slow", template=template.key)
    assert f"slow\n{template.prompt}</textarea>" in shown


def test_what_was_found_is_listed_with_its_reasons(ada: Client, served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    shown = page(ada, seed=str(seed.pk), count="5", go="1", **{"a-diversity": "0.3", "a-models": ["muq"]})
    (answer,) = listed(shown)
    assert answer.count("<li") == 5
    assert 'action="/admin/recommendations/try/#result"' in shown
    assert 'id="result"' in shown
    assert "5 tracks recommended by muq" in shown
    assert "Close to Artist 00 - Song 00.0.1" in answer
    assert "muq 0." in answer
    assert "acoustic" not in answer


def test_a_track_that_was_found_may_be_disliked(ada: Client, served: MadeLibrary) -> None:
    seed, other = str(song(served, "Song 00.0.1").pk), song(served, "Song 00.0.2")
    shown = page(ada, q="song 00.0", seed=seed, dislike=str(other.pk))
    assert f'name="disliked" value="{other.pk}"' in shown
    assert f'name="add" value="{other.pk}"' not in shown
    (plain,) = listed(page(ada, seed=seed, go="1"))
    (without,) = listed(page(ada, seed=seed, disliked=str(other.pk), go="1"))
    assert str(other.pk) in plain
    assert str(other.pk) not in without


def test_words_are_asked_for_and_against(ada: Client, served: MadeLibrary) -> None:
    shown = page(ada, prompts="jazz please", without="jazz please", go="1", **{"a-models": "muq", "a-penalty": "0.3"})
    (answer,) = listed(shown)
    assert "“jazz please”" in answer
    assert "negative ×" in answer


def test_two_ways_are_shown_side_by_side(ada: Client, served: MadeLibrary) -> None:
    ways = {"a-models": "muq", "b-models": "acoustic"}
    shown = page(ada, seed=str(song(served, "Song 00.0.1").pk), compare="on", go="1", **ways)
    a, b = listed(shown)
    assert "only here" in a
    assert "only here" in b
    assert "Rank-biased overlap" in shown


def test_enter_in_any_field_asks_where_there_is_nothing_to_find(ada: Client, served: MadeLibrary) -> None:
    seed = str(song(served, "Song 00.0.1").pk)
    assert len(listed(page(ada, seed=seed, find="1", q=""))) == 1
    assert listed(page(ada, seed=seed, find="1", q="song", searched="")) == []
    assert len(listed(page(ada, seed=seed, find="1", q="song", searched="song"))) == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"a-diversity": "2"}, "less than or equal to 1"),
        ({"count": "0"}, "greater than or equal to 1"),
        ({"prompts": "x\n" * 21}, "20 prompts at most"),
        ({"a-agreement": "3"}, "only 2 are asked"),
        ({"a-mode": "nonsense"}, "not one of the available choices"),
    ],
)
def test_what_means_nothing_is_said(ada: Client, served: MadeLibrary, given: dict[str, str], sentence: str) -> None:
    shown = page(ada, seed=str(served.tracks[0].pk), go="1", **given)
    assert sentence in shown
    assert listed(shown) == []


def test_nothing_named_is_said_and_nonsense_is_nothing(ada: Client, served: MadeLibrary) -> None:
    assert "errornote" in page(ada, go="1")
    assert "errornote" in page(ada, seed=["1", "\0"], go="1")
    assert "Null characters are not allowed" in page(ada, q="\0", go="1")


def test_only_the_page_itself_asks(served: MadeLibrary) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("ada"))
    asked = {"seed": str(served.tracks[0].pk), "count": "3", "go": "1"}
    assert browser.post(PAGE, asked).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page(browser))
    assert token
    assert len(listed(page(browser, **asked, csrfmiddlewaretoken=token[1]))) == 1


def test_a_store_that_is_away_is_said(ada: Client, served: MadeLibrary, settings: Any) -> None:
    settings.MILVUS_URI, settings.MILVUS_TIMEOUT_SECONDS = "http://127.0.0.1:9", 2.0
    vector_store.cache_clear()
    assert "errornote" in page(ada, seed=str(served.tracks[0].pk), go="1")


def test_only_staff_who_may_see_tracks_may_try(client: Client, db: None) -> None:
    assert client.get(PAGE).status_code == 302
    reader = User.objects.create_user("ben", is_staff=True)
    client.force_login(reader)
    assert client.get(PAGE).status_code == 403
    reader.user_permissions.add(Permission.objects.get(codename="view_track"))
    assert client.get(PAGE).status_code == 200
    assert client.put(PAGE).status_code == 405
    client.logout()
    assert client.post(PAGE).status_code == 302


def test_the_log_lists_what_was_asked_and_answered(ada: Client, served: MadeLibrary, settings: Any) -> None:
    settings.REQUEST_LOG_DAYS = 30
    page(ada, seed=str(song(served, "Song 00.0.1").pk), prompts="jazz please", go="1", count="3")
    row = Answered.objects.get()
    shown = ada.get(LIST).content.decode()
    assert "1 seed, “jazz please”" in shown
    one = ada.get(f"{LIST}{row.pk}/change/").content.decode()
    assert one.count("by relevance</span>") == 3
    assert "jazz please" in one
    assert "icon-no" not in one
    assert ada.get(f"{LIST}add/").status_code == 403
    assert ada.post(f"{LIST}{row.pk}/delete/").status_code == 403
