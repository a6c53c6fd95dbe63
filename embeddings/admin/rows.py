"""Read-only pages for what the engine writes and people read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from embeddings.models import Generation, Library, Track, TrackFailure, TrackResult

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(AnyModelAdmin):
    """Rows that the engine writes and people read."""

    show_full_result_count = False

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

    list_display = ("title", "artist", "album", "library", "length", "missing_since")
    list_filter = ("library", ("missing_since", admin.EmptyFieldListFilter))
    search_fields = ("title", "artist", "album", "path", "navidrome_id")

    @admin.display(description="length", ordering="duration")
    def length(self, track: Track) -> str:
        """Give minutes and seconds."""
        return f"{int(track.duration // 60)}:{int(track.duration % 60):02d}" if track.duration else ""


@admin.register(TrackResult)
class TrackResultAdmin(ReadOnlyAdmin):
    """Operations, row by row."""

    list_display = ("track", "model", "job", "state", "failure_code", "attempts", "worker", "finished_at")
    list_filter = ("state", "model", "failure_code", ("job", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("track", "job")
    search_fields = ("track__title", "track__artist", "track__path")


@admin.register(TrackFailure)
class TrackFailureAdmin(ReadOnlyAdmin):
    """Failed attempts, with the path and the sentence."""

    list_display = ("path", "code", "message", "model", "job", "attempt", "created_at")
    list_filter = ("code", "permanent", "model", ("job", admin.RelatedOnlyFieldListFilter))
    search_fields = ("path", "message")


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """Builds of a model's vectors."""

    list_display = ("collection", "model", "spec_version", "dimension", "state", "created_at", "promoted_at")
    list_filter = ("model", "state")


@admin.register(Library)
class LibraryAdmin(ReadOnlyAdmin):
    """Where the music is."""

    list_display = ("name", "source", "root")
