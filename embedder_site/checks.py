"""System checks of the site's own settings: how logs are written, and who may read metrics."""

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from embedder_site.logs import FORMATS


@register()
def check_site(**_options: Any) -> list[CheckMessage]:
    """Refuse a log format that is none, and networks that are none."""
    found: list[CheckMessage] = []
    if settings.LOG_FORMAT not in FORMATS:
        message = f"LOG_FORMAT={settings.LOG_FORMAT} is no format; choose from {', '.join(FORMATS)}."
        found.append(Error(message, id="embedder_site.E001"))
    for network in settings.METRICS_NETWORKS:
        try:
            ip_network(network)
        except ValueError as error:
            message = f"METRICS_NETWORKS: {error}; write networks like 192.168.1.0/24, separated by commas."
            found.append(Error(message, id="embedder_site.E002"))
    return found
