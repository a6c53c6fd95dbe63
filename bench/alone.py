"""Imported for its effect: Django, set up for a benchmark that runs as a program; one that is set up is left alone."""

import os

import django
from django.conf import settings

if not settings.configured:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedder_site.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()
