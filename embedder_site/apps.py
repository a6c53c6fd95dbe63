"""The site as an app: it has commands, and checks of its own settings."""

from importlib import import_module

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Registers the checks."""

    name = "embedder_site"

    def ready(self) -> None:
        """Import what registers itself."""
        import_module("embedder_site.checks")
