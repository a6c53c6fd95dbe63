"""Addresses of the REST API, with or without a trailing slash."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from embeddings.api.views import GenerationViewSet, JobViewSet, ModelsView, RollbackView, TrackViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("jobs", JobViewSet, basename="job")
router.register("generations", GenerationViewSet, basename="generation")
router.register("tracks", TrackViewSet, basename="track")

urlpatterns = [
    *router.urls,
    re_path(r"^models/?$", ModelsView.as_view(), name="models"),
    re_path(r"^models/(?P<key>[^/]+)/rollback/?$", RollbackView.as_view(), name="rollback"),
]
