"""What may be asked of paths and of radio."""

from rest_framework import serializers

from recommendations.api.asking import ExcludeIn, FilterIn, RequestIn, models
from recommendations.api.fields import CamelSerializer, ListenerField, texts
from recommendations.domain import MOST_LIMIT
from recommendations.paths import MOST_STEPS
from recommendations.radio import MOST_PLAYED


class PathIn(CamelSerializer):
    """From where to where."""

    start = serializers.CharField(max_length=255)
    end = serializers.CharField(max_length=255)
    steps = serializers.IntegerField(required=False, min_value=2, max_value=MOST_STEPS)
    models = models()
    user = ListenerField()
    filter = FilterIn(required=False)
    exclude = ExcludeIn(required=False)
    per_artist = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=MOST_LIMIT)


class RadioIn(RequestIn):
    """What a radio was begun with, and what it has played."""

    played = texts(most=MOST_PLAYED)
    window = serializers.IntegerField(required=False, min_value=0, max_value=MOST_PLAYED)
