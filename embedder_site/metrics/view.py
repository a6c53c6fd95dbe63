"""`/metrics`: for whoever is signed in, sends a token, or scrapes from a network that is allowed to."""

from collections.abc import Iterator, Sequence
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from embedder_site.metrics.services import of_everything
from recommendations.finding.timing import search_seconds

FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PROTO", "HTTP_VIA")
"""Headers of proxies: behind one every visitor has the proxy's address, which says nothing of where it comes from."""


class MayScrape(BasePermission):
    """Who is signed in or sends a token, and every program of METRICS_NETWORKS that comes directly."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Look at the user, then at where the request comes from."""
        if request.user.is_authenticated:
            return True
        if any(header in request.META for header in FORWARDED):
            return False
        return is_in(request.META.get("REMOTE_ADDR", ""), settings.METRICS_NETWORKS)


def is_in(address: str, networks: Sequence[str]) -> bool:
    """Whether an address lies in one of the networks; no address, as behind a socket, lies in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in ip_network(network) for network in networks)


class Everything(Collector):
    """Collects when somebody asks, and holds nothing."""

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        yield from of_everything()
        yield from search_seconds().collect()

    def describe(self) -> list[Metric]:
        """Promise nothing: otherwise registering would collect."""
        return []


@cache
def registry() -> CollectorRegistry:
    """Give this process's registry."""
    made = CollectorRegistry()
    made.register(Everything())
    return made


class _NoNegotiation(BaseContentNegotiation):
    """Whatever a scraper accepts, there is one format."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    """The metrics in Prometheus' text format; refusals in the form of the API."""

    permission_classes = [MayScrape]
    content_negotiation_class = _NoNegotiation

    def get(self, request: Request) -> HttpResponse:
        """Collect and write."""
        return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)
