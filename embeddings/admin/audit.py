"""The admin's list of deeds: who did what to jobs and generations, and when; nothing here is changed or removed."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from embeddings.admin.columns import moment
from embeddings.admin.rows import ReadOnlyAdmin
from embeddings.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Deeds, the newest first."""

    list_display = (moment("at", "when (UTC)"), "action", "who", "subject_linked", "told")
    list_filter = (
        "action",
        "door",
        ("job", admin.RelatedOnlyFieldListFilter),
        ("generation", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("job", "generation")
    search_fields = ("actor", "action", "subject", "details")
    fields = ("at", "action", "who", "subject_linked", "told")
    readonly_fields = ("at", "who", "subject_linked", "told")

    @admin.display(description="who", ordering="actor")
    def who(self, entry: AuditEntry) -> str:
        """Name the person and the door."""
        return entry.who

    @admin.display(description="to what", ordering="subject")
    def subject_linked(self, entry: AuditEntry) -> str:
        """Name what it was done to, and lead there while that exists."""
        name = entry.subject or "–"
        if entry.generation_id:
            return _link("admin:embeddings_generation_change", entry.generation_id, name)
        return _link("admin:embeddings_batchjob_change", entry.job_id, name) if entry.job_id else name

    @admin.display(description="details")
    def told(self, entry: AuditEntry) -> str:
        """Write the details out."""
        return entry.told or "–"


def _link(page: str, number: int, name: str) -> str:
    return format_html('<a href="{}">{}</a>', reverse(page, args=[number]), name)
