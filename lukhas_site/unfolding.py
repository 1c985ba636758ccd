"""How django-unfold is set: the look of the staff pages, their sidebar and first page, and what they may load."""

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "LUKHAS",
    "SITE_HEADER": "LUKHAS",
    "SITE_SYMBOL": "hub",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_SUBHEADER": "Control plane",
    "SITE_URL": "/docs",
    "STYLES": [lambda request: static("lukhas/admin.css")],
    "DASHBOARD_CALLBACK": "accounts.dashboard.dashboard",
    "SIDEBAR": {"navigation": "lukhas_site.navigation.navigation"},
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("lukhas/favicon.svg")},
    ],
}
# unfold runs on Alpine, which evaluates expressions, and sets style attributes.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "worker-src": ["'self'", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
