"""Fields that the recommendations' bodies are made of: camelCase names, finite numbers, bounded lists, vectors."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from embeddings.api.serializers import MOST_SAID, StrictSerializer
from embeddings.embedders import SPECS
from recommendations.telling import camel_case

MOST_IDS = 10_000
MOST_INTEGER = 2**31 - 1


class CamelSerializer(StrictSerializer):
    """A body whose fields are declared as Python names them and spoken of as the API does."""

    def get_fields(self) -> dict[str, Any]:
        """Rename what has more than one word; what is validated has Python's names again."""
        return spoken(super().get_fields())


def spoken(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under the names that the API has for them."""
    renamed: dict[str, Any] = {}
    for name, field in fields.items():
        camel = camel_case(name)
        if camel != name:
            field.source = name
        renamed[camel] = field
    return renamed


class ListenerField(serializers.CharField):
    """Navidrome's name of the caller, or where staff asks, of anybody: plays, stars and playlists are private."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_blank=True, max_length=255)

    def run_validation(self, data: Any = serializers.empty) -> str:
        """Refuse somebody else's, once it is a name."""
        name: str = super().run_validation(data)
        caller = self.context["request"].user
        own = caller.get_username()
        if name and name.casefold() != own.casefold() and not caller.is_staff:
            raise PermissionDenied(f"You may name yourself, {own!r}: what somebody else plays is for staff only.")
        return name


class NumberField(serializers.FloatField):
    """A finite number."""

    def to_internal_value(self, data: Any) -> float:
        """Refuse infinity, what is not a number by name, and whole numbers beyond all floats."""
        try:
            number: float = super().to_internal_value(data)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class BoundedList(serializers.ListField):
    """A list that is counted before anybody looks at what is in it; the framework's own would do that last."""

    def __init__(self, *, most: int, **options: Any) -> None:
        self.most = most
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> list[Any]:
        """Count before anything else."""
        if isinstance(data, list) and len(data) > self.most:
            raise serializers.ValidationError([f"It may have {self.most:,} entries, not {len(data):,}."])
        parsed: list[Any] = super().to_internal_value(data)
        return parsed

    def run_child_validation(self, data: Any) -> list[Any]:
        """Look at each, until enough of them were found to be wrong."""
        return list(_each(self.child, enumerate(data)).values())


class BoundedDict(serializers.DictField):
    """An object with a bounded number of fields that are named by the caller."""

    def __init__(self, *, most: int, **options: Any) -> None:
        self.most = most
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Count before anything else."""
        if isinstance(data, Mapping) and len(data) > self.most:
            raise serializers.ValidationError([f"It may have {self.most:,} fields, not {len(data):,}."])
        parsed: dict[str, Any] = super().to_internal_value(data)
        return parsed

    def run_child_validation(self, data: Any) -> dict[str, Any]:
        """Look at each, until enough of them were found to be wrong."""
        return _each(self.child, data.items())


def _each(child: Any, named: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """What a list or an object holds, parsed; otherwise the first faults, by their place or name."""
    parsed: dict[Any, Any] = {}
    wrong: dict[Any, Any] = {}
    for name, one in named:
        try:
            parsed[name] = child.run_validation(one)
        except serializers.ValidationError as error:
            wrong[name] = error.detail
        if len(wrong) == MOST_SAID:
            break
    if wrong:
        raise serializers.ValidationError(wrong)
    return parsed


class VectorField(serializers.Field[Any, Any, Any, Any]):
    """A list of numbers, as long as any model's vectors are outside; which length is right, the model says."""

    def to_internal_value(self, data: Any) -> list[float]:
        """Look at 76,800 numbers without making a field of each."""
        longest = max(max(spec.dimension, spec.outside_dimension) for spec in SPECS.values())
        if not isinstance(data, list) or any(type(number) not in (int, float) for number in data[: longest + 1]):
            raise serializers.ValidationError(["A vector is a list of numbers."])
        if not 0 < len(data) <= longest:
            raise serializers.ValidationError([f"A vector has 1 to {longest:,} numbers, not {len(data):,}."])
        return data

    def to_representation(self, value: Any) -> Any:
        """Give it as it is."""
        return value


def texts(*, most: int = MOST_IDS, longest: int = 255) -> BoundedList:
    """A list of short texts: ids, genres, keys."""
    return BoundedList(child=serializers.CharField(max_length=longest), required=False, most=most)
