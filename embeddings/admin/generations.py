"""The admin's pages for generations: what each was made with, whether it is sound, and which one searches read."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from embeddings.admin.columns import moment
from embeddings.admin.examination import examinations_of
from embeddings.admin.generation_verbs import REASON_NEEDED, VERBS, standing_of, verbs_of
from embeddings.admin.rows import ReadOnlyAdmin
from embeddings.domain import Actor
from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs import migration
from embeddings.models import AuditEntry, Generation

SHORT = 8
"""Characters of a digest that tell checkpoints apart."""
CHANGE = "embeddings.change_generation"
DEEDS = 20
"""Deeds that the page lists; the rest is one click away."""


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
        "origin",
        "tracks",
        "width",
        "checkpoint",
        "computed_in",
        "packages",
        "licence",
        "weights_licence",
        "created_at",
        "verified_at",
        "promoted_at",
        "retired_at",
        "dropped_at",
    )
    readonly_fields = ("tracks", "width", "computed_in", "licence", "weights_licence")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a generation: what it is for, what may be done to it, its examinations, deeds."""
        generation = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if isinstance(generation, Generation):
            context |= examinations_of(generation)
            context |= {
                "title": str(generation),
                "subtitle": None,
                "standing": standing_of(generation),
                "verbs": verbs_of(generation),
                "may_force": generation.state in REASON_NEEDED,
                "may_change": request.user.has_perm(CHANGE),
                "deeds": AuditEntry.objects.filter(generation=generation)[:DEEDS],
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        """Add one address for each verb, and one for the cleanup."""
        verb = path("<int:pk>/do/<slug:verb>/", self.admin_site.admin_view(self.do), name="embeddings_generation_do")
        cleanup = self.admin_site.admin_view(self.cleanup)
        return [verb, path("cleanup/", cleanup, name="embeddings_generation_cleanup"), *super().get_urls()]

    def do(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """Apply a verb to a generation."""
        if request.method != "POST" or verb not in VERBS:
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        generation = Generation.objects.filter(pk=pk).first()
        if generation is None:
            raise Http404
        because = request.POST.get("because", "").strip()
        try:
            messages.success(request, VERBS[verb](generation, _actor(request), because))
        except (Refused, BackendUnavailable) as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:embeddings_generation_change", args=[pk]))

    def cleanup(self, request: HttpRequest) -> HttpResponse:
        """List what nobody needs any more, each with the reason; drop it when told to."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        try:
            if request.method != "POST":
                found = migration.disposable()
                context = {"title": "Clean up", "opts": self.opts, "disposable": found}
                context = self.admin_site.each_context(request) | context
                return TemplateResponse(request, "admin/embeddings/generation/cleanup.html", context)
            dropped = migration.clean_up(by=_actor(request))
            messages.success(request, f"Dropped: {', '.join(map(str, dropped)) or 'nothing'}.")
        except (Refused, BackendUnavailable) as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:embeddings_generation_changelist"))

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


def _actor(request: HttpRequest) -> Actor:
    return Actor(name=request.user.get_username(), door="admin")
