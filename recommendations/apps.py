"""Django's entry for the application that turns neighbours into recommendations."""

from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    """The recommendation application."""

    name = "recommendations"
