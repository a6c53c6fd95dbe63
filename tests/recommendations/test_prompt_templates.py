"""The prompts that ship with the project are many, unlike each other and readable, and combine with weights."""

import re
from collections import Counter

import pytest

from embeddings.errors import Refused
from embeddings.jobs.prompts import readable
from recommendations.domain import Prompt
from recommendations.prompt_templates import Template, prompts_of, sentences, templates

KEY = re.compile(r"[a-z]+/[a-z]+(-[a-z]+)*")


def doubled(words: list[str]) -> list[str]:
    return [word for word, count in Counter(word.casefold() for word in words).items() if count > 1]


def test_there_are_enough_for_a_background_of_texts() -> None:
    assert len(templates()) >= 100


def test_no_key_and_no_sentence_comes_twice() -> None:
    assert doubled([template.key for template in templates()]) == []
    assert doubled(list(sentences())) == []


def test_titles_are_unique_within_their_group() -> None:
    assert doubled([f"{template.group}/{template.title}" for template in templates()]) == []


def test_no_two_sentences_say_nearly_the_same() -> None:
    words = [frozenset(re.findall(r"[a-z]+", text)) for text in sentences()]
    pairs = [(a, b) for number, a in enumerate(words) for b in words[:number]]
    assert [(a, b) for a, b in pairs if len(a & b) > 0.75 * len(a | b)] == []


@pytest.mark.parametrize("template", templates(), ids=lambda template: template.key)
def test_each_is_a_short_readable_phrase(template: Template) -> None:
    assert KEY.fullmatch(template.key)
    assert readable(template.prompt) == template.prompt
    assert 3 <= len(template.prompt.split()) <= 16
    assert template.prompt.isascii()
    assert not template.prompt.endswith(".")
    assert 0 < len(template.title) <= 24


def test_several_combine_with_weights() -> None:
    chosen = prompts_of({"vocals/instrumental": 0.5, "genres/jazz": 2.0})
    assert [prompt.weight for prompt in chosen] == [2.0, 0.5]
    assert chosen[1] == Prompt(text="instrumental music without vocals", weight=0.5)


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(Refused, match="no template 'genres/polka'") as refusal:
        prompts_of({"genres/polka": 1.0})
    assert refusal.value.code == "unknown_template"
