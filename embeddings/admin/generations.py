"""The admin's pages for generations: what each build of a model's vectors was made with, and under which licences."""

from django.contrib import admin

from embeddings.admin.columns import moment
from embeddings.admin.rows import ReadOnlyAdmin
from embeddings.embedders import SPECS
from embeddings.models import Generation

SHORT = 8
"""Characters of a digest that tell checkpoints apart."""


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """Builds of a model's vectors."""

    list_display = (
        "collection",
        "versioned",
        "state",
        "made_with",
        "width",
        "licences",
        moment("promoted_at", "promoted"),
    )
    list_filter = ("model", "state")
    fields = (
        "collection",
        "model",
        "spec_version",
        "state",
        "tracks",
        "width",
        "checkpoint",
        "computed_in",
        "packages",
        "licence",
        "weights_licence",
        "created_at",
        "promoted_at",
        "retired_at",
    )
    readonly_fields = ("tracks", "width", "computed_in", "licence", "weights_licence")

    @admin.display(description="model", ordering="model")
    def versioned(self, generation: Generation) -> str:
        """Name the model and the version of its spec."""
        return f"{generation.model} {generation.spec_version}"

    @admin.display(description="made with", ordering="checkpoint")
    def made_with(self, generation: Generation) -> str:
        """Give the start of the checkpoint's digest and the precision; the rest is on its own page."""
        parts = (generation.checkpoint[:SHORT], generation.precision)
        return ", ".join(part for part in parts if part) or "–"

    @admin.display(description="precision", ordering="precision")
    def computed_in(self, generation: Generation) -> str:
        """Name the precision, of a model that has one."""
        return generation.precision or "–"

    @admin.display(description="dimension", ordering="dimension")
    def width(self, generation: Generation) -> str:
        """Give the lengths of a row's vectors."""
        joint = f" + {generation.joint_dimension}" if generation.joint_dimension else ""
        return f"{generation.dimension}{joint}"

    @admin.display(description="tracks")
    def tracks(self, generation: Generation) -> int:
        """Count its vectors."""
        return generation.vectors.count()

    @admin.display(description="licence")
    def licences(self, generation: Generation) -> str:
        """Name what binds its users most: the licence of the weights, where there are any."""
        found = self.weights_licence(generation)
        return self.licence(generation) if found == "–" else found

    @admin.display(description="licence of the code")
    def licence(self, generation: Generation) -> str:
        """Name the licence of what computes it."""
        spec = SPECS.get(generation.model)
        return spec.licence if spec else "–"

    @admin.display(description="licence of the weights")
    def weights_licence(self, generation: Generation) -> str:
        """Name the licence of the checkpoint, and say where it forbids commercial use."""
        spec = SPECS.get(generation.model)
        if spec is None or not spec.weights_licence:
            return "–"
        return f"{spec.weights_licence}{' (no commercial use)' if spec.noncommercial else ''}"
