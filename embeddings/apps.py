"""Django's entry for the application that embeds and keeps vectors."""

from importlib import import_module

from django.apps import AppConfig


class EmbeddingsConfig(AppConfig):
    """The embedding application."""

    name = "embeddings"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        import_module("embeddings.checks")
