"""Parse, call the engine, serialize."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from embeddings import conf
from embeddings.api.serializers import TrackOut
from embeddings.embedders import SPECS
from embeddings.models import Track
from recommendations.neighbours import TEXT_MODEL, Neighbour, neighbours_of, tracks_matching
from recommendations.store import vector_store


class SimilarIn(serializers.Serializer[Any]):
    """What to look for."""

    model = serializers.ChoiceField(choices=sorted(SPECS), default=lambda: conf.jobs().models[0])
    count = serializers.IntegerField(default=10, min_value=1, max_value=500)
    libraryId = serializers.ListField(child=serializers.IntegerField(), default=list)  # noqa: N815 - the API's own case


class SimilarView(APIView):
    """The tracks that sound most like one track, named by our id or Navidrome's."""

    def get(self, request: Request, pk: str) -> Response:
        """List them, nearest first, with their cosine similarity."""
        wanted = SimilarIn(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        track = Track.objects.named(pk)
        found = neighbours_of(
            track,
            model=wanted.validated_data["model"],
            store=vector_store(),
            limit=wanted.validated_data["count"],
            library_ids=wanted.validated_data["libraryId"],
        )
        answer = {"track": TrackOut(track).data, "model": wanted.validated_data["model"], "matches": _matches(found)}
        return Response(answer)


class MatchingIn(serializers.Serializer[Any]):
    """What to look for, in words."""

    # What a prompt may be is said in one place, with the same code to everybody who asks.
    text = serializers.CharField(allow_blank=True)
    model = serializers.CharField(default=TEXT_MODEL)
    count = serializers.IntegerField(default=10, min_value=1, max_value=500)
    libraryId = serializers.ListField(child=serializers.IntegerField(), default=list)  # noqa: N815 - the API's own case


class MatchingView(APIView):
    """The tracks that a text describes best."""

    def get(self, request: Request) -> Response:
        """List them, best first, with the cosine similarity of text and music."""
        wanted = MatchingIn(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        text, model = wanted.validated_data["text"], wanted.validated_data["model"]
        found = tracks_matching(
            text,
            model=model,
            store=vector_store(),
            limit=wanted.validated_data["count"],
            library_ids=wanted.validated_data["libraryId"],
        )
        return Response({"text": text, "model": model, "matches": _matches(found)})


def _matches(found: Sequence[Neighbour]) -> list[dict[str, Any]]:
    return [{"track": TrackOut(near.track).data, "similarity": round(near.score, 6)} for near in found]
