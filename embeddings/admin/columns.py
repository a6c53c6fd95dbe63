"""Columns and filters that several pages of the admin share."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from embeddings.models import Track


def moment(field: str, name: str) -> Callable[[Any], str]:
    """Make a column that shows a row's moment in UTC, short enough for a list."""

    @admin.display(description=name, ordering=field)
    def column(row: Any) -> str:
        at: datetime | None = getattr(row, field)
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if at else "–"

    column.__name__ = field
    return column


class FileFilter(admin.SimpleListFilter):
    """Tracks whose file is there, or missing."""

    title = "file"
    parameter_name = "file"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the choices."""
        return [("there", "there"), ("missing", "missing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Track]) -> QuerySet[Track]:
        """Keep the tracks of the choice."""
        if self.value() is None:
            return queryset
        return queryset.filter(missing_since__isnull=self.value() == "there")
