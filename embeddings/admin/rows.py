"""Read-only pages for what the engine writes and people read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.text import capfirst

from embeddings.admin.columns import FileFilter, moment
from embeddings.admin.standing import standings
from embeddings.models import Library, Track, TrackFailure, TrackResult

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(AnyModelAdmin):
    """Rows that the engine writes and people read."""

    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """List the rows under their own name; nothing is selected here."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits rows by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes rows by hand."""
        return False


@admin.register(Track)
class TrackAdmin(ReadOnlyAdmin):
    """The catalogue."""

    list_display = ("title", "artist", "album", "length", "library", moment("missing_since", "missing since"))
    list_filter = ("library", FileFilter)
    search_fields = ("title", "artist", "album", "path", "navidrome_id")
    fields = (
        "title",
        "artist",
        "album",
        "album_artist",
        "disc_number",
        "track_number",
        "year",
        "genres_joined",
        "length",
        "library",
        "path",
        "file_missing",
        "added",
        "navidrome_id",
        "recording_mbid",
    )
    readonly_fields = ("length", "genres_joined", "file_missing", "added")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the track with where it stands in each model."""
        shown = context | {"standings": standings(context["original"])}
        return super().render_change_form(request, shown, *args, **kwargs)

    @admin.display(description="length", ordering="duration")
    def length(self, track: Track) -> str:
        """Give minutes and seconds."""
        return f"{int(track.duration // 60)}:{int(track.duration % 60):02d}" if track.duration else "–"

    @admin.display(description="genres")
    def genres_joined(self, track: Track) -> str:
        """List the genres."""
        return ", ".join(track.genres) or "–"

    @admin.display(description="file")
    def file_missing(self, track: Track) -> str:
        """Say whether the file is there."""
        return f"missing since {track.missing_since:%Y-%m-%d %H:%M} UTC" if track.missing_since else "there"

    @admin.display(description="in the catalogue since")
    def added(self, track: Track) -> str:
        """Say when the track was first seen."""
        return f"{track.added_at:%Y-%m-%d %H:%M} UTC"


@admin.register(TrackResult)
class TrackResultAdmin(ReadOnlyAdmin):
    """Operations, row by row."""

    list_display = ("track", "model", "state", "failure_code", moment("finished_at", "finished"))
    list_filter = ("state", "model", "failure_code", ("job", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("track",)
    search_fields = ("track__title", "track__artist", "track__path")


@admin.register(TrackFailure)
class TrackFailureAdmin(ReadOnlyAdmin):
    """Failed attempts, with the path and the sentence."""

    list_display = ("path", "code", "message", "job", moment("created_at", "created"))
    list_filter = ("code", "permanent", "model", ("job", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("job",)
    search_fields = ("path", "message")
    fieldsets = (
        (None, {"fields": ("path", "message", "code", "permanent", "track", "model", "job", "attempt", "created_at")}),
        ("For a bug report", {"classes": ("collapse",), "fields": ("generation", "worker", "seconds", "trace")}),
    )
    readonly_fields = ("trace",)

    @admin.display(description="traceback")
    def trace(self, failure: TrackFailure) -> str:
        """Keep the traceback's lines as they are."""
        return format_html("<pre>{}</pre>", failure.traceback)


@admin.register(Library)
class LibraryAdmin(ReadOnlyAdmin):
    """Where the music is."""

    list_display = ("name", "source", "root")
