"""The site's addresses: the admin, the REST API, metrics, and the front door."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from embedder_site.api_errors import nothing_here
from embedder_site.metrics.view import MetricsView
from recommendations.admin.trying import try_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("embeddings/icon.svg"))),
    path("admin/recommendations/try/", admin.site.admin_view(try_page), name="try"),
    path("admin/", admin.site.urls),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("api/v1/", include("recommendations.api.urls")),
    path("api/v1/", include("embeddings.api.urls")),
    re_path("^api/", nothing_here),
]
