"""The ASGI application: the edge around everything, then the staff pages or the API.

Edge                       ids, timing, security headers, body limit, compression, CORS, one log line
└── Roof                   start and stop, and which of the two answers
    ├── Django's handler   /admin/…, /docs, /redoc and /static/…, with sessions and CSRF protection
    └── ApiHandler         everything else, with the short chain of middleware
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lukhas_site.settings")

import django

from lukhas_site import telemetry

TRACING = telemetry.configure()  # before any handler is built, or its middleware is not seen
django.setup(set_prefix=False)

from lukhas_site import problems  # noqa: E402 - needs Django's apps to be ready
from lukhas_site.http.edge import Edge  # noqa: E402 - likewise
from lukhas_site.roof import Roof  # noqa: E402 - likewise

roof = Roof(TRACING)
application = Edge(roof, problem=problems.problem, pages=roof.pages)
