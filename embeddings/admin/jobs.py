"""The admin's pages for jobs: start one from a form, watch it, cancel it, retry what failed."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from embeddings.admin.columns import moment
from embeddings.admin.forms import StartJobForm
from embeddings.admin.history import charts_of
from embeddings.admin.rows import ReadOnlyAdmin
from embeddings.domain import Actor
from embeddings.errors import Refused
from embeddings.jobs import control
from embeddings.jobs.progress import progress_of
from embeddings.models import (
    FINISHED,
    AuditEntry,
    BatchJob,
    JobState,
    ResultState,
    TrackFailure,
    TrackResult,
    failure_codes,
)
from embeddings.reports import Tally

VERBS: dict[str, tuple[Callable[..., object], str]] = {
    "cancel": (control.cancel_job, "Job {} stops after the tracks in hand."),
    "pause": (control.pause_job, "Job {} pauses after the tracks in hand."),
    "resume": (control.resume_job, "Job {} goes on."),
    "retry-failed": (control.retry_failed, "Job {} tries its failed tracks again."),
}
SHOWN = 50
"""Rows of one kind that a job's page lists; the rest is one click away."""


class CountedJobs(ChangeList):
    """A page of jobs, counted in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page and its counts."""
        super().get_results(request)
        jobs = list(self.result_list)
        counts = TrackResult.objects.tally_jobs([job.pk for job in jobs])
        for job in jobs:
            job.__dict__["counted"] = counts[job.pk]
        self.result_list = jobs


@admin.register(BatchJob)
class BatchJobAdmin(ReadOnlyAdmin):
    """Jobs."""

    list_display = (
        "name",
        "state",
        "bar",
        "scope",
        "models_named",
        moment("created_at", "created"),
        moment("finished_at", "finished"),
    )
    list_filter = ("state", "scope")
    change_form_template = "admin/embeddings/batchjob/job.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Adding a job is starting it."""
        return request.user.has_perm("embeddings.add_batchjob")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask what to embed, start the job and go to its page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = StartJobForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                job = control.start_job(
                    models=form.cleaned_data["models"],
                    scope=form.cleaned_data["scope"],
                    selection=form.selection(),
                    rebuild=form.cleaned_data["rebuild"],
                    by=Actor(name=request.user.get_username(), door="admin"),
                )
            except Refused as refused:
                form.add_error(None, str(refused))
            else:
                return HttpResponseRedirect(reverse("admin:embeddings_batchjob_change", args=[job.pk]))
        context = self.admin_site.each_context(request) | {"title": "Start a job", "opts": self.opts, "form": form}
        return TemplateResponse(request, "admin/embeddings/batchjob/start.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a job: progress, verbs, charts, failures by reason, deeds."""
        job = self.get_object(request, object_id)
        context: dict[str, Any] = {"title": f"Job {object_id}", "subtitle": None}
        if isinstance(job, BatchJob):
            reasons = _reasons(job)
            context |= {"job": job, "progress": progress_of(job), "reasons": reasons, "warned": _warned(job)}
            context |= charts_of(job)
            context["deeds"] = AuditEntry.objects.filter(job=job)[:SHOWN]
            context["verbs"] = _verbs(job, failures=bool(reasons))
            context["may_change"] = request.user.has_perm("embeddings.change_batchjob")
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        """Add one address for each verb, and one for the charts, which a running job's page asks for again."""
        verb = path("<int:pk>/do/<slug:verb>/", self.admin_site.admin_view(self.do), name="embeddings_batchjob_do")
        charts = self.admin_site.admin_view(self.charts)
        return [verb, path("<int:pk>/charts/", charts, name="embeddings_batchjob_charts"), *super().get_urls()]

    def charts(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Draw a job's charts alone."""
        job = self.get_object(request, str(pk))
        if job is None:
            raise Http404
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        return TemplateResponse(request, "admin/embeddings/batchjob/charts.html", charts_of(job))

    def do(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """Apply a verb to a job."""
        if request.method != "POST" or verb not in VERBS:
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("embeddings.change_batchjob"):
            raise PermissionDenied
        act, said = VERBS[verb]
        try:
            act(control.find_job(pk), by=Actor(name=request.user.get_username(), door="admin"))
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, said.format(pk))
        return HttpResponseRedirect(reverse("admin:embeddings_batchjob_change", args=[pk]))

    @admin.display(description="job", ordering="pk")
    def name(self, job: BatchJob) -> str:
        """Name the job."""
        return str(job)

    @admin.display(description="models")
    def models_named(self, job: BatchJob) -> str:
        """List its models."""
        return ", ".join(job.model_keys)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """List jobs with their counts."""
        return CountedJobs

    @admin.display(description="progress")
    def bar(self, job: BatchJob) -> str:
        """Draw how far it is."""
        counted: Tally = job.__dict__["counted"]
        # Cancelled operations were not worked on: a cancelled job must not look finished.
        done = counted.done + counted.failed
        return format_html(
            '<progress max="{}" value="{}"></progress> {}/{}', counted.total or 1, done, done, counted.total
        )


def _verbs(job: BatchJob, *, failures: bool) -> list[tuple[str, str, str]]:
    """Say what may be done to the job now: a verb, its words, and the style of its button."""
    found = []
    if job.state == JobState.PAUSED:
        found.append(("resume", "Resume", "default"))
    if job.state == JobState.WAITING:
        found.append(("resume", "Try now", "default"))
    if job.state in {JobState.RUNNING, JobState.WAITING}:
        found.append(("pause", "Pause", ""))
    if failures or job.state == JobState.FAILED:
        found.append(("retry-failed", "Retry failed" if failures else "Try again", ""))
    if job.state not in {*FINISHED, JobState.CANCELLING}:
        found.append(("cancel", "Cancel", ""))
    return found


def _reasons(job: BatchJob) -> list[dict[str, Any]]:
    """Group the job's failed operations by code, each with the sentences of some."""
    rows = TrackResult.objects.filter(job=job, state=ResultState.FAILED)
    counts = rows.order_by().values_list("failure_code").annotate(count=Count("pk")).order_by("-count", "failure_code")
    newest = TrackFailure.objects.filter(result__in=rows).order_by().values("result").annotate(newest=Max("pk"))
    failures = TrackFailure.objects.filter(pk__in=newest.values("newest")).order_by("path")
    meanings = dict(failure_codes())
    return [
        {
            "code": code,
            "meaning": meanings.get(code, ""),
            "count": count,
            "failures": failures.filter(code=code)[:SHOWN],
        }
        for code, count in counts
    ]


def _warned(job: BatchJob) -> QuerySet[TrackResult]:
    return TrackResult.objects.filter(job=job).exclude(warning="").select_related("track")[:SHOWN]
