"""The admin's list of what was asked and answered; nothing here is changed."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from embeddings.admin.columns import moment
from embeddings.admin.rows import ReadOnlyAdmin
from embeddings.models import Track
from recommendations.models import Answered

SHOWN = 60
"""Characters of a prompt in a list."""


@admin.register(Answered)
class AnsweredAdmin(ReadOnlyAdmin):
    """Answers, the newest first."""

    list_display = (moment("created_at", "when (UTC)"), "asked", "mode", "by", "found", "took", "door")
    list_filter = ("door", "mode", "is_stub", "personal")
    fields = ("created_at", "door", "mode", "of_listener", "by", "took", "told", "by_stub", "asked_in_full", "answered")
    readonly_fields = ("of_listener", "by", "took", "told", "by_stub", "asked_in_full", "answered")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one under its own name."""
        return super().change_view(request, object_id, form_url, {"title": "Answer"} | (extra_context or {}))

    @admin.display(description="asked for")
    def asked(self, row: Answered) -> str:
        """Say in a few words what it was about."""
        seeds = row.request.get("seeds", [])
        said = [f"{len(seeds)} seed{'' if len(seeds) == 1 else 's'}"] if seeds else []
        said += [f"“{prompt['text'][:SHOWN]}”" for prompt in row.request.get("prompts", [])[:2]]
        return ", ".join(said) or "what a listener likes"

    @admin.display(description="from a listener's own plays")
    def of_listener(self, row: Answered) -> str:
        """Say it in a word: Django's red cross would look as if something were wrong."""
        return "yes" if row.personal else "no"

    @admin.display(description="words read by a stub")
    def by_stub(self, row: Answered) -> str:
        """Say it in a word as well."""
        return "yes: what they found means nothing" if row.is_stub else "no"

    @admin.display(description="models")
    def by(self, row: Answered) -> str:
        """Name the models that took part."""
        return ", ".join(row.model_keys) or "–"

    @admin.display(description="tracks")
    def found(self, row: Answered) -> int:
        """Count what was answered."""
        return len(row.tracks)

    @admin.display(description="took", ordering="seconds")
    def took(self, row: Answered) -> str:
        """Give the time in milliseconds."""
        return f"{row.seconds * 1000:,.0f} ms"

    @admin.display(description="warnings")
    def told(self, row: Answered) -> str:
        """Give the warnings, one after the other."""
        return " ".join(row.warnings) or "–"

    @admin.display(description="request")
    def asked_in_full(self, row: Answered) -> SafeString:
        """Write the request out."""
        return format_html("<pre>{}</pre>", json.dumps(row.request, indent=2, ensure_ascii=False))

    @admin.display(description="answer")
    def answered(self, row: Answered) -> SafeString:
        """List the tracks with their scores; a track that has gone has only its id."""
        names = {str(pk): track.name for pk, track in Track.objects.in_bulk(row.ids).items()}
        lines = ((names.get(track_id, track_id), f"{score:.3f}", before) for track_id, score, before in row.tracks)
        listed = format_html_join("", "<li>{} <span class='quiet'>{}, {} by relevance</span></li>", lines)
        return format_html("<ol>{}</ol>", listed)
