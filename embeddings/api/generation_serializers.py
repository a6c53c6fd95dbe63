"""What goes in and out of the REST API about generations; names are camelCase."""

from typing import Any

from rest_framework import serializers

from embeddings.api.serializers import StrictSerializer
from embeddings.models import Generation, Verification


class PromoteIn(StrictSerializer):
    """Whether to promote what is not verified, and why; the reason is kept."""

    force = serializers.BooleanField(default=False)
    because = serializers.CharField(required=False, default="", max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse force without a reason, and a reason without force."""
        if attrs["force"] and not attrs["because"]:
            raise serializers.ValidationError({"because": ["Force needs a reason, which is kept."]})
        if attrs["because"] and not attrs["force"]:
            raise serializers.ValidationError({"force": ["A reason belongs to force."]})
        return attrs


class GenerationLine(serializers.BaseSerializer[Generation]):
    """A generation that was annotated with `tracks`, for lists."""

    def to_representation(self, instance: Generation) -> dict[str, Any]:
        """Describe one generation."""
        return {
            "collection": instance.collection,
            "model": instance.model,
            "number": instance.number,
            "version": instance.spec_version,
            "state": instance.state,
            "origin": instance.origin,
            "checkpoint": instance.checkpoint or None,
            "precision": instance.precision or None,
            "packages": instance.packages or None,
            "dimension": instance.dimension,
            "jointDimension": instance.joint_dimension or None,
            "tracks": instance.__dict__["tracks"],
            "forcedBecause": instance.forced_because or None,
            "createdAt": instance.created_at,
            "verifiedAt": instance.verified_at,
            "promotedAt": instance.promoted_at,
            "retiredAt": instance.retired_at,
            "droppedAt": instance.dropped_at,
        }


class GenerationOut(GenerationLine):
    """A generation with its newest examination."""

    def to_representation(self, instance: Generation) -> dict[str, Any]:
        """Describe one generation."""
        newest = instance.verifications.first()
        return super().to_representation(instance) | {"verification": _verification(newest) if newest else None}


def _verification(verification: Verification) -> dict[str, Any]:
    return {
        "state": verification.state,
        "requestedBy": verification.requested_by,
        "requestedAt": verification.requested_at,
        "startedAt": verification.started_at,
        "finishedAt": verification.finished_at,
        "message": verification.message,
        "checks": verification.checks,
    }
