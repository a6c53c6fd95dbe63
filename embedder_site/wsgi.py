"""What the web server calls."""

import os

import numpy as np  # noqa: F401 - its BLAS has to be there to be held back
from django.core.wsgi import get_wsgi_application
from threadpoolctl import threadpool_limits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedder_site.settings")
# docs/adr/0009: the cores belong to searches and to other requests.
threadpool_limits(limits=1, user_api="blas")
application = get_wsgi_application()
