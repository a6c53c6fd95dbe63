"""Addresses of the recommendations in the REST API."""

from django.urls import re_path

from recommendations.api.asked_views import CompareView, ModesView, PathView, RadioView, RecommendView, TemplatesView
from recommendations.api.views import MatchingView, SimilarView

urlpatterns = [
    re_path(r"^tracks/matching/?$", MatchingView.as_view(), name="matching"),
    re_path(r"^tracks/(?P<pk>[^/]+)/similar/?$", SimilarView.as_view(), name="similar"),
    re_path(r"^recommend/?$", RecommendView.as_view(), name="recommend"),
    re_path(r"^recommend/compare/?$", CompareView.as_view(), name="compare"),
    re_path(r"^path/?$", PathView.as_view(), name="path"),
    re_path(r"^radio/?$", RadioView.as_view(), name="radio"),
    re_path(r"^prompt-templates/?$", TemplatesView.as_view(), name="prompt-templates"),
    re_path(r"^modes/?$", ModesView.as_view(), name="modes"),
]
