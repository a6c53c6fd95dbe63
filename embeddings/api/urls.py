"""Addresses of the REST API, with or without a trailing slash."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from embeddings.api.views import JobViewSet, ModelsView, TrackViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("jobs", JobViewSet, basename="job")
router.register("tracks", TrackViewSet, basename="track")

urlpatterns = [*router.urls, re_path(r"^models/?$", ModelsView.as_view(), name="models")]
