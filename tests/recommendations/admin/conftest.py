"""A library behind the application."""

from tests.recommendations.served import served

__all__ = ["served"]
