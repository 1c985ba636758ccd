"""Every setting, from the environment. docs/settings.md tells what each means; a test compares the two."""

from pathlib import Path
from typing import Any

from django.templatetags.static import static

from lukhas_site import __version__, secret_key
from lukhas_site.environment import SQLITE, Environment

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("LUKHAS_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

DEBUG = env.truth("LUKHAS_DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", default="") or secret_key.read_or_create(DATA_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.texts("LUKHAS_SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.texts("LUKHAS_ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.texts("LUKHAS_CSRF_TRUSTED_ORIGINS", default=[])

LUKHAS_VERSION = __version__
LUKHAS_LANE = env.text("LUKHAS_LANE", default="prod")
LUKHAS_ORGANIZATION = env.text("LUKHAS_ORGANIZATION", default="default")
LUKHAS_POLICY_MODE = env.text("LUKHAS_POLICY_MODE", default="strict")

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "features",
    "analytics",
    "api",
    "lukhas_site",
]

# The admin and the docs pages go through these; API paths have a chain of their own (LUKHAS_API_MIDDLEWARE).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.audit.middleware.audit_staff",
]
LUKHAS_API_MIDDLEWARE: list[str] = []
LUKHAS_LEAN_HANDLER = env.truth("LUKHAS_LEAN_HANDLER", default=True)
# Async views only: on the lean path all of them share one thread.
LUKHAS_HOT_PATHS = frozenset(
    {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/healthz", "/health", "/readyz"}
)

ROOT_URLCONF = "lukhas_site.urls"
ASGI_APPLICATION = "lukhas_site.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps' own, so that a template of ours can extend the one it stands in for.
        "DIRS": [BASE_DIR / "lukhas_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- State -----------------------------------------------------------------------------------------------------
DATABASE_URL = env.text("DATABASE_URL", default="")
LUKHAS_DATABASE_POOL = env.whole("LUKHAS_DATABASE_POOL", default=10)
REDIS_URL = env.text("REDIS_URL", default="")


def database() -> dict[str, Any]:
    """PostgreSQL with a connection pool where DATABASE_URL names one, else SQLite tuned for many readers."""
    config: dict[str, Any] = {"ENGINE": SQLITE, "NAME": str(DATA_DIR / "lukhas.sqlite3")}
    if DATABASE_URL:
        config = env.database(DATABASE_URL)
    if config["ENGINE"] == SQLITE:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        config["TEST"] = {"NAME": str(DATA_DIR / "tests.sqlite3")}
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=10000;",
            **config.get("OPTIONS", {}),
        }
        return config
    # A connection that died with the server is replaced before it is used, and a network that swallows packets is
    # noticed within seconds.
    config["CONN_HEALTH_CHECKS"] = True
    config["OPTIONS"] = {
        "connect_timeout": 3,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "pool": {"min_size": 1, "max_size": LUKHAS_DATABASE_POOL, "timeout": 3},
        **config.get("OPTIONS", {}),
    }
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1.0, "socket_timeout": 1.0},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- People ----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.truth("LUKHAS_SECURE_COOKIES", default=False)
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

# --- Limits ----------------------------------------------------------------------------------------------------
LUKHAS_DEFAULT_RPM = env.whole("LUKHAS_DEFAULT_RPM", default=1_000_000)
LUKHAS_DEFAULT_TPM = env.whole("LUKHAS_DEFAULT_TPM", default=1_000_000_000)
LUKHAS_ESTIMATED_OUTPUT_TOKENS = env.whole("LUKHAS_ESTIMATED_OUTPUT_TOKENS", default=1024)
LUKHAS_LIMITS_WITHOUT_REDIS = env.choice("LUKHAS_LIMITS_WITHOUT_REDIS", ("local", "refuse"), default="local")
LUKHAS_ANONYMOUS_RATE = env.text("LUKHAS_ANONYMOUS_RATE", default="60/m")
LUKHAS_LOGIN_RATE = env.text("LUKHAS_LOGIN_RATE", default="10/m")
LUKHAS_TRUSTED_PROXIES = env.texts("LUKHAS_TRUSTED_PROXIES", default=[])
# By path: the setting that holds the rate, and the methods that count; see lukhas_site.http.guard.
LUKHAS_GUARDED_PATHS = {
    "/docs": ("LUKHAS_ANONYMOUS_RATE", None),
    "/redoc": ("LUKHAS_ANONYMOUS_RATE", None),
    "/openapi.json": ("LUKHAS_ANONYMOUS_RATE", None),
    "/admin/login/": ("LUKHAS_LOGIN_RATE", ("POST",)),
}
# A cache of its own: the default one, when it is full, forgets at random, and whose count that is.
CACHES["guards"] = {
    **CACHES["default"],
    **({} if REDIS_URL else {"LOCATION": "guards", "OPTIONS": {"MAX_ENTRIES": 100_000}}),
}
RATELIMIT_USE_CACHE = "guards"

# --- HTTP ------------------------------------------------------------------------------------------------------
LUKHAS_MAX_BODY_BYTES = env.whole("LUKHAS_MAX_BODY_BYTES", default=20 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the edge counts the bytes, before Django sees any
LUKHAS_STREAM_PING_SECONDS = env.number("LUKHAS_STREAM_PING_SECONDS", default=15.0)
LUKHAS_CORS_ALLOWED_ORIGINS = env.texts("LUKHAS_CORS_ALLOWED_ORIGINS", default=[])
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
# unfold runs on Alpine, which evaluates expressions, and sets style attributes.
CONTENT_SECURITY_POLICY = {
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
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": env.text(
            "LUKHAS_STATICFILES_STORAGE", default="servestatic.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "LUKHAS",
    "VERSION": __version__,
    "OAS_VERSION": "3.0.3",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # A validator on another host would be told of every document.
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "displayRequestDuration": True, "validatorUrl": None},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["api.schema.document.complete"],
}
UNFOLD = {
    "SITE_TITLE": "LUKHAS",
    "SITE_HEADER": "LUKHAS",
    "SITE_SYMBOL": "hub",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("lukhas/favicon.svg")},
    ],
}

# --- Embedded models -------------------------------------------------------------------------------------------
LUKHAS_CHAT_GGUF = env.text("LUKHAS_CHAT_GGUF", default="")
LUKHAS_CHAT_THREADS = env.whole("LUKHAS_CHAT_THREADS", default=1)
LUKHAS_CHAT_SLOTS = env.whole("LUKHAS_CHAT_SLOTS", default=4)
LUKHAS_CHAT_QUEUE = env.whole("LUKHAS_CHAT_QUEUE", default=64)
LUKHAS_EMBED_THREADS = env.whole("LUKHAS_EMBED_THREADS", default=2)
LUKHAS_EMBED_QUEUE = env.whole("LUKHAS_EMBED_QUEUE", default=8192)
LUKHAS_ECHO_CHUNK_SECONDS = env.number("LUKHAS_ECHO_CHUNK_SECONDS", default=0.0)
LUKHAS_PRELOAD_MODELS = env.truth("LUKHAS_PRELOAD_MODELS", default=True)
TIKTOKEN_CACHE_DIR = env.text("TIKTOKEN_CACHE_DIR", default=str(DATA_DIR / "encodings"))

# --- Upstreams -------------------------------------------------------------------------------------------------
LUKHAS_UPSTREAM_CONNECT_SECONDS = env.number("LUKHAS_UPSTREAM_CONNECT_SECONDS", default=5.0)
LUKHAS_UPSTREAM_READ_SECONDS = env.number("LUKHAS_UPSTREAM_READ_SECONDS", default=300.0)
LUKHAS_UPSTREAM_CONNECTIONS = env.whole("LUKHAS_UPSTREAM_CONNECTIONS", default=256)

# --- What is seen from outside ---------------------------------------------------------------------------------
LUKHAS_LOG_LEVEL = env.choice("LUKHAS_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO")
LUKHAS_LOG_FORMAT = env.choice("LUKHAS_LOG_FORMAT", ("json", "console"), default="json")
LOGGING_CONFIG = "lukhas_site.logs.configure_django"
LOGGING = {"level": LUKHAS_LOG_LEVEL, "format": LUKHAS_LOG_FORMAT}
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT", default="")

# Of `check --deploy`. The edge sends X-Frame-Options (W002) and, over TLS, HSTS (W004); what speaks TLS in front of
# this server redirects to it (W008).
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W004", "security.W008"]
