"""What may be asked: the bodies that the REST API understands."""

from typing import Any, get_args

from rest_framework import serializers

from recommendations.api.fields import (
    MOST_INTEGER,
    BoundedDict,
    BoundedList,
    CamelSerializer,
    ListenerField,
    NumberField,
    VectorField,
    spoken,
    texts,
)
from recommendations.domain import LEAST_PENALTY, MOST_LIMIT, SeedKind, Strategy
from recommendations.modes import RANGES

MOST_SEEDS = 1000
MOST_PROMPTS = 20
MOST_VECTORS = 20
"""Of one model that the answer should not sound like."""
MOST_MODELS = 16
MOST_WEIGHT = 1_000_000.0
MOST_STARS = 5
BOTH = 2


def _weight() -> NumberField:
    return NumberField(required=False, min_value=0, max_value=MOST_WEIGHT)


def _share(least: float = 0.0, *, allow_null: bool = False) -> NumberField:
    return NumberField(required=False, min_value=least, max_value=1, allow_null=allow_null)


def models() -> BoundedList:
    """A list of keys of specs; whether there are such models is said where they are opened."""
    return texts(most=MOST_MODELS, longest=32)


class SeedIn(CamelSerializer):
    """Something of the library by its id, or a sound by its vectors."""

    id = serializers.CharField(required=False, max_length=255)
    kind = serializers.ChoiceField(choices=get_args(SeedKind), required=False)
    vectors = BoundedDict(child=VectorField(), required=False, most=MOST_MODELS, allow_empty=False)
    weight = _weight()
    played_at = serializers.DateTimeField(required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """Add the fields whose names mean something else to a serializer."""
        label = serializers.CharField(required=False, max_length=255)
        return super().get_fields() | {
            "label": label,
            "source": serializers.CharField(required=False, max_length=64),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take one of the two."""
        if ("id" in attrs) == ("vectors" in attrs):
            raise serializers.ValidationError("A seed has an id or vectors, and not both.")
        strange = {"kind"} if "vectors" in attrs else {"label"}
        if found := sorted(strange & set(attrs)):
            raise serializers.ValidationError({found[0]: ["Not of such a seed."]})
        return attrs


class PromptIn(CamelSerializer):
    """A prompt; what it may be is said where it is read."""

    text = serializers.CharField(allow_blank=True)
    weight = _weight()


def _prompts() -> BoundedList:
    return BoundedList(child=PromptIn(), required=False, most=MOST_PROMPTS)


class MergeIn(CamelSerializer):
    """How models become one list."""

    strategy = serializers.ChoiceField(choices=get_args(Strategy), required=False)
    priorities = BoundedDict(
        child=serializers.IntegerField(min_value=1, max_value=MOST_INTEGER), required=False, most=MOST_MODELS
    )
    agreement = serializers.IntegerField(required=False, min_value=1, max_value=MOST_INTEGER)


class RangeField(BoundedList):
    """`[from, to]`, either of them null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, most=BOTH, **options)

    def to_internal_value(self, data: Any) -> Any:
        """Refuse one that nothing can be in."""
        ends = super().to_internal_value(data)
        if len(ends) != BOTH:
            raise serializers.ValidationError(["It has two values: from and to."])
        least, most = ends
        if least is not None and most is not None and least > most:
            raise serializers.ValidationError(["The first has to be the smaller one."])
        return least, most


class FilterIn(CamelSerializer):
    """What may be in an answer."""

    library_ids = BoundedList(
        child=serializers.IntegerField(min_value=0, max_value=MOST_INTEGER), required=False, most=100
    )
    genres = texts(most=100)
    exclude_genres = texts(most=100)
    years = RangeField(child=serializers.IntegerField(allow_null=True, min_value=0, max_value=9999))
    seconds = RangeField(child=NumberField(allow_null=True, min_value=0, max_value=MOST_INTEGER))


class ExcludeIn(CamelSerializer):
    """What must not be in an answer."""

    track_ids = texts()
    playlist_ids = texts(most=100)
    artist_keys = texts()
    album_keys = texts()


class DislikesIn(CamelSerializer):
    """What the listener does not want to hear."""

    track_ids = texts()
    artist_keys = texts()
    ratings = BoundedDict(
        child=serializers.IntegerField(min_value=0, max_value=MOST_STARS), required=False, most=10_000
    )
    strength = _share()


class NegativesIn(CamelSerializer):
    """What an answer should not sound like."""

    prompts = _prompts()
    vectors = BoundedDict(child=BoundedList(child=VectorField(), most=MOST_VECTORS), required=False, most=MOST_MODELS)
    penalty = _share(LEAST_PENALTY)


class VarietyIn(CamelSerializer):
    """How unlike each other the tracks are."""

    diversity = _share(allow_null=True)
    per_artist = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=MOST_LIMIT)
    per_album = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=MOST_LIMIT)
    versions = serializers.BooleanField(required=False)


class TuningIn(CamelSerializer):
    """Parameters of the mode, each within its range."""

    def get_fields(self) -> dict[str, Any]:
        """Make one of each parameter that there is."""
        return spoken(
            {name: NumberField(required=False, min_value=low, max_value=high) for name, (low, high) in RANGES.items()}
        )


class RequestIn(CamelSerializer):
    """One question to the engine."""

    mode = serializers.CharField(required=False, max_length=32)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST_LIMIT)
    user = ListenerField()
    seeds = BoundedList(child=SeedIn(), required=False, most=MOST_SEEDS)
    prompts = _prompts()
    models = models()
    merge = MergeIn(required=False)
    filter = FilterIn(required=False)
    exclude = ExcludeIn(required=False)
    dislikes = DislikesIn(required=False)
    negatives = NegativesIn(required=False)
    variety = VarietyIn(required=False)
    tuning = TuningIn(required=False)


class ConfigurationIn(CamelSerializer):
    """What differs between two ways of asking the same."""

    mode = serializers.CharField(required=False, max_length=32)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST_LIMIT)
    models = models()
    merge = MergeIn(required=False)
    variety = VarietyIn(required=False)
    penalty = _share(LEAST_PENALTY)
    dislike_strength = _share()
    tuning = TuningIn(required=False)


class CompareIn(CamelSerializer):
    """One question, asked in two ways."""

    request = RequestIn()
    a = ConfigurationIn(required=False)
    b = ConfigurationIn(required=False)
    k = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_LIMIT)
