"""The form on which recommendations are tried."""

from collections.abc import Mapping
from typing import Any, get_args

from django import forms

from embeddings.embedders import SPECS
from recommendations.configuration import Configuration
from recommendations.domain import LEAST_PENALTY, MOST_LIMIT, Strategy
from recommendations.modes import MODES

MOST_PROMPTS = 20


class QuestionForm(forms.Form):
    """What is asked for, apart from the seeds."""

    q = forms.CharField(label="Find tracks", required=False, max_length=200)
    prompts = forms.CharField(
        label="Like this",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "relaxing jazz piano"}),
        help_text="One prompt per line.",
    )
    without = forms.CharField(
        label="Not like this",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "vocals"}),
        help_text="One per line.",
    )
    user = forms.CharField(
        label="For",
        required=False,
        max_length=255,
        help_text="A user of Navidrome, whose plays, stars and ratings count.",
    )
    count = forms.IntegerField(label="Tracks", required=False, min_value=1, max_value=MOST_LIMIT, initial=10)
    compare = forms.BooleanField(label="Side by side with a second way", required=False)

    def clean_prompts(self) -> list[str]:
        """One prompt of each line."""
        return self._lines("prompts")

    def clean_without(self) -> list[str]:
        """One prompt of each line."""
        return self._lines("without")

    def _lines(self, name: str) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data[name].splitlines() if line.strip()]
        if len(lines) > MOST_PROMPTS:
            raise forms.ValidationError(f"Give {MOST_PROMPTS} prompts at most.")
        return lines


class ConfigurationForm(forms.Form):
    """How it is asked for; what is left empty is as usual."""

    mode = forms.ChoiceField(
        required=False, choices=lambda: [("", "as usual"), *((key, mode.title) for key, mode in MODES.items())]
    )
    models = forms.MultipleChoiceField(
        required=False,
        choices=lambda: [(key, key) for key in SPECS],
        widget=forms.CheckboxSelectMultiple,
        help_text="None for all that have vectors.",
    )
    merge = forms.ChoiceField(
        required=False, choices=[("", "as usual"), *((strategy, strategy) for strategy in get_args(Strategy))]
    )
    agreement = forms.IntegerField(required=False, min_value=1, help_text="So many models have to have found a track.")
    diversity = forms.FloatField(
        required=False, min_value=0, max_value=1, widget=forms.NumberInput(attrs={"step": "0.05"}), help_text="0 to 1."
    )
    per_artist = forms.IntegerField(label="Per artist", required=False, min_value=0, help_text="0 for any number.")
    per_album = forms.IntegerField(label="Per album", required=False, min_value=0, help_text="0 for any number.")
    penalty = forms.FloatField(
        required=False,
        min_value=LEAST_PENALTY,
        max_value=1,
        widget=forms.NumberInput(attrs={"step": "0.05"}),
        help_text="Left of what is not wanted.",
    )

    def configuration(self) -> Configuration:
        """Make it of what was filled in."""
        given: dict[str, Any] = self.cleaned_data
        merge = {"strategy": given["merge"] or None, "agreement": given["agreement"]}
        variety = {name: given[name] for name in ("diversity", "per_artist", "per_album")}
        return Configuration(
            mode=given["mode"] or None,
            models=given["models"] or None,
            merge=_filled_in(merge),
            variety=_filled_in(variety),
            penalty=given["penalty"],
        )


def _filled_in(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
