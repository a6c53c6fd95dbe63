"""Addresses of the recommendations in the REST API."""

from django.urls import re_path

from recommendations.api.views import MatchingView, SimilarView

urlpatterns = [
    re_path(r"^tracks/matching/?$", MatchingView.as_view(), name="matching"),
    re_path(r"^tracks/(?P<pk>[^/]+)/similar/?$", SimilarView.as_view(), name="similar"),
]
