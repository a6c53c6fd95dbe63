"""What goes in and out of the REST API; names are camelCase."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from embeddings import conf
from embeddings.domain import MOST_BATCH, MOST_DELAY_SECONDS, MOST_RETRIES, EmbedderSpec, JobOptions
from embeddings.embedders import SPECS
from embeddings.jobs.progress import progress_of
from embeddings.jobs.prompts import trained_available
from embeddings.models import BatchJob, Generation, Scope, Track, TrackFailure, failure_codes
from embeddings.reports import WorkerLine

MOST_SAID = 10
"""Faults of one list or object that an answer names; who has so many has more, and all for one reason."""


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a misspelt scope must not start another job than was meant."""

    def to_internal_value(self, data: Any) -> Any:
        """Parse, and name what is not known."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))[:MOST_SAID]):
            raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)


class SelectionIn(StrictSerializer):
    """Which tracks a job of scope `selection` embeds; several conditions must all hold."""

    library = serializers.IntegerField(required=False)
    artist = serializers.CharField(required=False)
    album = serializers.CharField(required=False)
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=10_000)


class OptionsIn(StrictSerializer):
    """How a job is worked off, where that differs from the settings."""

    batchSize = serializers.IntegerField(  # noqa: N815 - the API's own case
        source="batch_size", required=False, min_value=0, max_value=MOST_BATCH
    )
    maxRetries = serializers.IntegerField(  # noqa: N815
        source="max_retries", required=False, allow_null=True, min_value=0, max_value=MOST_RETRIES
    )
    delaySeconds = serializers.FloatField(  # noqa: N815
        source="delay_seconds", required=False, min_value=0, max_value=MOST_DELAY_SECONDS
    )
    verify = serializers.BooleanField(required=False)
    promote = serializers.BooleanField(required=False)
    backup = serializers.BooleanField(required=False)


class JobIn(StrictSerializer):
    """A job to start."""

    scope = serializers.ChoiceField(choices=Scope.choices, default=Scope.MISSING)
    models = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(SPECS)), required=False, allow_null=True, default=list
    )
    selection = SelectionIn(required=False)
    rebuild = serializers.BooleanField(default=False)
    options = OptionsIn(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take everything into a new generation, unless somebody asks for less, which is refused."""
        if attrs["rebuild"] and attrs["scope"] != Scope.ALL:
            if "scope" in self.initial_data:
                raise serializers.ValidationError({"scope": ["A new generation starts empty: its scope is all."]})
            attrs["scope"] = Scope.ALL
        return attrs


class RetryIn(StrictSerializer):
    """Which failed operations to try again; nothing named means all."""

    codes = serializers.ListField(child=serializers.ChoiceField(choices=failure_codes()), default=list)
    trackIds = serializers.ListField(child=serializers.UUIDField(), default=list)  # noqa: N815 - the API's own case


class JobLine(serializers.BaseSerializer[BatchJob]):
    """A job without its progress, for lists."""

    def to_representation(self, instance: BatchJob) -> dict[str, Any]:
        """Describe one job."""
        return {
            "id": instance.pk,
            "state": instance.state,
            "scope": instance.scope,
            "selection": instance.selection,
            "models": instance.model_keys,
            "rebuild": instance.rebuild,
            "options": OptionsIn(JobOptions(**instance.options)).data,
            "requestedBy": instance.requested_by,
            "createdAt": instance.created_at,
            "startedAt": instance.started_at,
            "finishedAt": instance.finished_at,
            "message": instance.message,
        }


class JobOut(JobLine):
    """A job with its progress, counted now."""

    def to_representation(self, instance: BatchJob) -> dict[str, Any]:
        """Describe one job."""
        counted = progress_of(instance)
        return super().to_representation(instance) | {
            "progress": {
                "percent": round(counted.percent, 2),
                "operations": asdict(counted.operations),
                "tracks": asdict(counted.tracks),
                "skipped": counted.skipped,
                "failures": counted.failures,
                "currentModel": counted.current_model or None,
                "currentTrack": counted.current_track or None,
                "operationsPerHour": round(counted.rate * 3600, 1) if counted.rate else None,
                "etaSeconds": counted.eta_seconds,
                "elapsedSeconds": round(counted.elapsed_seconds, 1),
                "audioSeconds": round(counted.audio_seconds, 1),
                "workers": [_worker(line) for line in counted.workers],
                "stalled": counted.stalled or None,
                "retryAt": counted.retry_at,
                "lastTrack": counted.last_track or None,
                "waitingRetries": counted.waiting_retries,
                "slices": counted.slices,
                "sliceSecondsMedian": _rounded(counted.slice_seconds_median),
                "sliceSecondsP95": _rounded(counted.slice_seconds_p95),
                "memoryMb": _rounded(counted.memory_mb),
            },
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _worker(line: WorkerLine) -> dict[str, Any]:
    return {
        "slot": line.slot,
        "name": line.name,
        "model": line.model or None,
        "standing": line.standing or None,
        "sentence": line.sentence,
        "updatedAt": line.updated_at,
    }


class FailureOut(serializers.BaseSerializer[TrackFailure]):
    """One failed attempt."""

    def to_representation(self, instance: TrackFailure) -> dict[str, Any]:
        """Describe one failure."""
        return {
            "id": instance.pk,
            "trackId": str(instance.track_id),
            "track": instance.track.name,
            "path": instance.path,
            "model": instance.model,
            "code": instance.code,
            "message": instance.message,
            "permanent": instance.permanent,
            "attempt": instance.attempt,
            "worker": instance.worker,
            "seconds": round(instance.seconds, 3),
            "createdAt": instance.created_at,
        }


class TrackOut(serializers.BaseSerializer[Track]):
    """One track of the catalogue."""

    def to_representation(self, instance: Track) -> dict[str, Any]:
        """Describe one track."""
        return {
            "id": str(instance.pk),
            "navidromeId": instance.navidrome_id or None,
            "name": instance.name,
            "title": instance.title,
            "artist": instance.artist,
            "album": instance.album,
            "albumArtist": instance.album_artist,
            "artistKey": instance.artist_key or None,
            "albumKey": instance.album_key or None,
            "trackNumber": instance.track_number,
            "discNumber": instance.disc_number,
            "year": instance.year,
            "genres": instance.genres,
            "duration": instance.duration,
            "libraryId": instance.library_id,
            "path": instance.path,
            "missing": instance.missing_since is not None,
        }


def describe_model(spec: EmbedderSpec, live: Generation | None) -> dict[str, Any]:
    """Describe a model and the generation that searches of it read, annotated with `tracks`."""
    return {
        "key": spec.key,
        "title": spec.title,
        "version": spec.version,
        "dimension": spec.dimension,
        "outsideDimension": spec.outside_dimension or spec.dimension,
        "text": bool(spec.text_loader) or trained_available(spec.key),
        "licence": spec.licence,
        "weightsLicence": spec.weights_licence or None,
        "noncommercial": spec.noncommercial,
        "source": spec.source,
        "configured": spec.key in conf.jobs().models,
        "live": _live(live) if live else None,
    }


def _live(live: Generation) -> dict[str, Any]:
    return {
        "collection": live.collection,
        "version": live.spec_version,
        "precision": live.precision or None,
        "checkpoint": live.checkpoint or None,
        "packages": live.packages or None,
        "tracks": live.__dict__["tracks"],
    }
