"""The form that starts a job."""

from typing import Any

from django import forms

from embeddings import conf
from embeddings.domain import EmbedderSpec
from embeddings.embedders import SPECS
from embeddings.models import Library, Scope


def _described(spec: EmbedderSpec) -> str:
    """Give the title, and what the weights may be used for."""
    weights = f" · weights: {spec.weights_licence}" if spec.weights_licence else ""
    return f"{spec.title}{weights}{', no commercial use' if spec.noncommercial else ''}"


class StartJobForm(forms.Form):
    """What a person chooses when starting a job."""

    scope = forms.ChoiceField(
        choices=[
            (Scope.MISSING, "missing or stale: what has no vector yet, or whose file changed"),
            (Scope.FAILED, "failed: what failed before, also what is not tried again by itself"),
            (Scope.SELECTION, "selection: the tracks named below, embedded again"),
            (Scope.ALL, "all: the whole library, embedded again"),
        ],
        widget=forms.RadioSelect,
        initial=Scope.MISSING,
    )
    models = forms.MultipleChoiceField(
        choices=lambda: [(key, _described(spec)) for key, spec in SPECS.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=lambda: list(conf.jobs().models),
    )
    rebuild = forms.BooleanField(
        label="fill a new generation",
        required=False,
        help_text="Computes the whole library anew beside the vectors in use. Listeners notice nothing: the new ones "
        "take the place of the old when all are there and were verified, and the old ones stay for a way back.",
    )
    library = forms.ModelChoiceField(Library.objects.all(), required=False, empty_label="any library")
    artist = forms.CharField(required=False)
    album = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        """Take `missing` for `all` in a new generation, where everything is missing."""
        given = self.cleaned_data
        if given.get("rebuild") and given.get("scope") == Scope.MISSING:
            given["scope"] = Scope.ALL
        if given.get("rebuild") and given.get("scope") in {Scope.FAILED, Scope.SELECTION}:
            self.add_error("rebuild", "A new generation starts empty and takes the whole library: choose all.")
        return given

    def selection(self) -> dict[str, Any]:
        """Give the conditions that were filled in."""
        given = self.cleaned_data
        library = given["library"].pk if given["library"] else None
        return {"library": library, "artist": given["artist"], "album": given["album"]}
