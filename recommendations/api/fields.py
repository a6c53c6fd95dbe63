"""Fields that the recommendations' bodies are made of: camelCase names, finite numbers, bounded lists, vectors."""

import math
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from embeddings.api.serializers import StrictSerializer
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


def texts(*, most: int = MOST_IDS, longest: int = 255) -> serializers.ListField:
    """A list of short texts: ids, genres, keys."""
    return serializers.ListField(child=serializers.CharField(max_length=longest), required=False, max_length=most)
