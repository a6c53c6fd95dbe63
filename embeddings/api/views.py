"""Parse, call one function of `jobs.control` or `jobs.migration`, serialize."""

from typing import Any

from django.db.models import Count, QuerySet
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from embeddings.api.generation_serializers import GenerationLine, GenerationOut, PromoteIn
from embeddings.api.pagination import Pages
from embeddings.api.permissions import MayChangeGenerations, MayChangeJobs
from embeddings.api.serializers import FailureOut, JobIn, JobLine, JobOut, RetryIn, TrackOut, describe_model
from embeddings.domain import Actor, JobOptions
from embeddings.embedders import SPECS
from embeddings.jobs import control, migration
from embeddings.models import BatchJob, Generation, GenerationState, Track, TrackFailure


class JobViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[BatchJob]):
    """Jobs: everyone with a token reads; who may add or change jobs starts them, cancels them and the rest."""

    queryset = BatchJob.objects.all()
    lookup_value_regex = "[0-9]+"

    def get_serializer_class(self) -> type[JobLine]:
        """List jobs without progress: counting it costs a query for each."""
        return JobLine if self.action == "list" else JobOut

    def get_permissions(self) -> list[Any]:
        """Ask for the permissions that the admin asks for."""
        return [IsAuthenticated(), MayChangeJobs()]

    def get_object(self) -> BatchJob:
        """Find a job by its number."""
        return control.find_job(int(self.kwargs["pk"]))

    def create(self, request: Request) -> Response:
        """Start a job."""
        wanted = JobIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        selection = wanted.validated_data.get("selection", {})
        job = control.start_job(
            models=wanted.validated_data["models"] or [],
            scope=wanted.validated_data["scope"],
            selection=selection | ({"ids": [str(pk) for pk in selection["ids"]]} if "ids" in selection else {}),
            rebuild=wanted.validated_data["rebuild"],
            options=JobOptions(**wanted.validated_data.get("options", {})),
            by=_actor(request),
        )
        return Response(JobOut(job).data, status=status.HTTP_201_CREATED)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop after the tracks in hand."""
        control.cancel_job(self.get_object(), by=_actor(request))
        return self._show()

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Hold after the tracks in hand."""
        control.pause_job(self.get_object(), by=_actor(request))
        return self._show()

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on."""
        control.resume_job(self.get_object(), by=_actor(request))
        return self._show()

    @action(detail=True, methods=["post"], url_path="retry-failed")
    def retry_failed(self, request: Request, pk: str) -> Response:
        """Try failed operations again."""
        wanted = RetryIn(data=request.data or {})
        wanted.is_valid(raise_exception=True)
        control.retry_failed(
            self.get_object(),
            codes=wanted.validated_data["codes"],
            track_ids=[str(pk) for pk in wanted.validated_data["trackIds"]],
            by=_actor(request),
        )
        return self._show()

    @action(detail=True, methods=["get"])
    def failures(self, request: Request, pk: str) -> Response:
        """List failed attempts, newest first; `?code=` filters."""
        found = TrackFailure.objects.filter(job=self.get_object()).select_related("track")
        if code := request.query_params.get("code"):
            found = found.filter(code=code)
        pages = Pages()
        page = pages.paginate_queryset(found, request, view=self) or []
        return pages.get_paginated_response([FailureOut(failure).data for failure in page])

    def _show(self) -> Response:
        return Response(JobOut(self.get_object()).data)


def _actor(request: Request) -> Actor:
    return Actor(name=request.user.get_username(), door="api")


class TrackViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Track]):
    """The catalogue; `?q=` finds tracks whose title, artist, album or path contain every word."""

    serializer_class = TrackOut
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Track]:
        """Tracks whose file is there."""
        words = self.request.query_params.get("q", "")
        return Track.objects.present().matching(words).order_by("artist", "album", "pk")

    def get_object(self) -> Track:
        """Find a track by our id or Navidrome's."""
        return Track.objects.named(self.kwargs["pk"])


class GenerationViewSet(ListModelMixin, GenericViewSet[Generation]):
    """Generations: everyone with a token reads; who may change them has them verified and promotes them."""

    permission_classes = [IsAuthenticated, MayChangeGenerations]
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Generation]:
        """Count what each holds; `?model=` filters."""
        found = Generation.objects.annotate(tracks=Count("vectors")).order_by("model", "-number")
        model = self.request.query_params.get("model")
        return found.filter(model=model) if model else found

    def get_serializer_class(self) -> type[GenerationLine]:
        """List generations without their examinations."""
        return GenerationLine if self.action == "list" else GenerationOut

    def get_object(self) -> Generation:
        """Find a generation by its collection, or as commands name it."""
        return migration.find_generation(self.kwargs["pk"])

    def retrieve(self, request: Request, pk: str) -> Response:
        """Show one."""
        return Response(_described(self.get_object()))

    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        """Have a worker examine it."""
        generation = self.get_object()
        migration.request_verification(generation, by=_actor(request))
        return Response(_described(generation), status=status.HTTP_202_ACCEPTED)

    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Make it the live one."""
        wanted = PromoteIn(data=request.data or {})
        wanted.is_valid(raise_exception=True)
        because = wanted.validated_data["because"]
        return Response(_described(migration.promote(self.get_object(), by=_actor(request), force_because=because)))


class RollbackView(APIView):
    """The way back from the live generation of a model."""

    permission_classes = [IsAuthenticated, MayChangeGenerations]

    def post(self, request: Request, key: str) -> Response:
        """Make the one before it live again."""
        return Response(_described(migration.rollback(key, by=_actor(request))))


def _described(generation: Generation) -> Any:
    return GenerationOut(Generation.objects.annotate(tracks=Count("vectors")).get(pk=generation.pk)).data


class ModelsView(APIView):
    """The embedding models, and the generation that searches of each read."""

    def get(self, request: Request) -> Response:
        """List them."""
        rows = Generation.objects.filter(state=GenerationState.LIVE).annotate(tracks=Count("vectors"))
        live = {row.model: row for row in rows}
        return Response({"results": [describe_model(spec, live.get(key)) for key, spec in SPECS.items()]})
