"""Every setting, from the environment. docs/settings.md tells what each means; a test compares the two."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from lukhas_site import __version__, databases, documenting, framework, secret_key, unfolding
from lukhas_site.environment import Environment

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
    "axes",
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
    "axes.middleware.AxesMiddleware",
]
LUKHAS_API_MIDDLEWARE: list[str] = []
LUKHAS_LEAN_HANDLER = env.truth("LUKHAS_LEAN_HANDLER", default=True)
# Async views only: on the lean path all of them share one thread.
LUKHAS_HOT_PATHS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/moderations",
        "/v1/responses",
        "/ofrep/v1/evaluate/flags",
        "/ofrep/v1/events",
        "/api/analytics/events",
        "/healthz",
        "/health",
        "/readyz",
    }
)
LUKHAS_HOT_PREFIXES = ("/ofrep/v1/evaluate/flags/",)

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
DATABASES = {"default": databases.configured(env, DATABASE_URL, DATA_DIR, pool=LUKHAS_DATABASE_POOL)}
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
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LUKHAS_PUBLIC_URL = env.text("LUKHAS_PUBLIC_URL", default="http://127.0.0.1:8000")
LUKHAS_INVITE_DAYS = env.whole("LUKHAS_INVITE_DAYS", default=7)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.truth("LUKHAS_SECURE_COOKIES", default=False)
# Sessions of the API, not the cookies of the staff pages.
LUKHAS_SESSION_IDLE = env.text("LUKHAS_SESSION_IDLE", default="8h")
LUKHAS_SESSION_ABSOLUTE = env.text("LUKHAS_SESSION_ABSOLUTE", default="7d")
LUKHAS_SESSIONS_PER_USER = env.whole("LUKHAS_SESSIONS_PER_USER", default=10)
# Wrong passwords: see accounts.sessions.lockout.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "accounts.sessions.lockout.address"
AXES_LOCKOUT_CALLABLE = "accounts.sessions.lockout.page"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True  # who signed in when is in the audit log
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = "lukhas_site.formats"

# --- Limits ----------------------------------------------------------------------------------------------------
LUKHAS_DEFAULT_RPM = env.whole("LUKHAS_DEFAULT_RPM", default=1_000_000)
LUKHAS_DEFAULT_TPM = env.whole("LUKHAS_DEFAULT_TPM", default=1_000_000_000)
LUKHAS_ESTIMATED_OUTPUT_TOKENS = env.whole("LUKHAS_ESTIMATED_OUTPUT_TOKENS", default=1024)
LUKHAS_LIMITS_WITHOUT_REDIS = env.choice("LUKHAS_LIMITS_WITHOUT_REDIS", ("local", "refuse"), default="local")
LUKHAS_ANONYMOUS_RATE = env.text("LUKHAS_ANONYMOUS_RATE", default="60/m")
LUKHAS_LOGIN_RATE = env.text("LUKHAS_LOGIN_RATE", default="10/m")
LUKHAS_API_RATE = env.text("LUKHAS_API_RATE", default="600/m")
LUKHAS_TRUSTED_PROXIES = env.texts("LUKHAS_TRUSTED_PROXIES", default=[])
# By path: the setting that holds the rate (empty for none), and the methods that count; see lukhas_site.http.guard.
LUKHAS_GUARDED_PATHS = {
    "/docs": ("LUKHAS_ANONYMOUS_RATE", None),
    "/redoc": ("LUKHAS_ANONYMOUS_RATE", None),
    "/openapi.json": ("LUKHAS_ANONYMOUS_RATE", None),
    "/admin/login/": ("LUKHAS_LOGIN_RATE", ("POST",)),
    "/api/sessions": ("LUKHAS_LOGIN_RATE", ("POST",)),
    "/invites/accept": ("LUKHAS_LOGIN_RATE", ("POST",)),
    "/api/analytics/events": ("", None),  # by the limits of its key: all visitors of a page share one
}
# By the start of a path: the setting that holds the rate, for each key or session, or else each address.
LUKHAS_GUARDED_PREFIXES = {"/api/": "LUKHAS_API_RATE"}
# A cache of its own: the default one, when it is full, forgets at random, and whose count that is.
CACHES["guards"] = {
    **CACHES["default"],
    **({} if REDIS_URL else {"LOCATION": "guards", "OPTIONS": {"MAX_ENTRIES": 100_000}}),
}
RATELIMIT_USE_CACHE = "guards"
LUKHAS_IDEMPOTENCY_SECONDS = env.whole("LUKHAS_IDEMPOTENCY_SECONDS", default=86_400)
CACHES["idempotency"] = {
    **CACHES["default"],
    **({} if REDIS_URL else {"LOCATION": "idempotency", "OPTIONS": {"MAX_ENTRIES": 1_000}}),
}

# --- Feature flags ---------------------------------------------------------------------------------------------
LUKHAS_EVENT_STREAMS = env.whole("LUKHAS_EVENT_STREAMS", default=1000)
LUKHAS_EVENT_STREAMS_PER_KEY = env.whole("LUKHAS_EVENT_STREAMS_PER_KEY", default=500)

# --- Mail ------------------------------------------------------------------------------------------------------
LUKHAS_MAIL_FROM = DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("LUKHAS_MAIL_FROM", default="lukhas@localhost")
_mail = env.mail(env.text("EMAIL_URL", default="consolemail://"))
EMAIL_BACKEND, EMAIL_FILE_PATH = _mail["EMAIL_BACKEND"], _mail["EMAIL_FILE_PATH"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds; whoever sends waits no longer for one step of it

# --- HTTP ------------------------------------------------------------------------------------------------------
LUKHAS_MAX_BODY_BYTES = env.whole("LUKHAS_MAX_BODY_BYTES", default=20 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the edge counts the bytes, before Django sees any
LUKHAS_GRACE_SECONDS = env.number("LUKHAS_GRACE_SECONDS", default=25.0)
LUKHAS_STREAM_PING_SECONDS = env.number("LUKHAS_STREAM_PING_SECONDS", default=15.0)
# What a publishable key may call: flags, events, what is kept. By prefix; pages of its origins may ask and read there.
LUKHAS_PUBLISHABLE_PATHS = ("/ofrep/v1/", "/api/analytics/events", "/api/analytics/privacy")
LUKHAS_CORS_ALLOWED_ORIGINS = env.texts("LUKHAS_CORS_ALLOWED_ORIGINS", default=[])
SECURE_CONTENT_TYPE_NOSNIFF, SECURE_REFERRER_POLICY = True, "no-referrer"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = unfolding.CONTENT_SECURITY_POLICY
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

REST_FRAMEWORK = framework.REST_FRAMEWORK
SPECTACULAR_SETTINGS = documenting.SPECTACULAR_SETTINGS
UNFOLD = unfolding.UNFOLD

# --- Embedded models -------------------------------------------------------------------------------------------
LUKHAS_CHAT_GGUF = env.text("LUKHAS_CHAT_GGUF", default="")
LUKHAS_CHAT_THREADS = env.whole("LUKHAS_CHAT_THREADS", default=1)
LUKHAS_CHAT_SLOTS = env.whole("LUKHAS_CHAT_SLOTS", default=4)
LUKHAS_CHAT_QUEUE = env.whole("LUKHAS_CHAT_QUEUE", default=64)
LUKHAS_EMBED_THREADS = env.whole("LUKHAS_EMBED_THREADS", default=2)
LUKHAS_MODERATION_MODEL = env.text("LUKHAS_MODERATION_MODEL", default="lukhas-moderation-1")
LUKHAS_EMBED_QUEUE = env.whole("LUKHAS_EMBED_QUEUE", default=8192)
LUKHAS_ECHO_CHUNK_SECONDS = env.number("LUKHAS_ECHO_CHUNK_SECONDS", default=0.0)
LUKHAS_PRELOAD_MODELS = env.truth("LUKHAS_PRELOAD_MODELS", default=True)
TIKTOKEN_CACHE_DIR = env.text("TIKTOKEN_CACHE_DIR", default=str(DATA_DIR / "encodings"))

# --- Upstreams -------------------------------------------------------------------------------------------------
LUKHAS_UPSTREAM_TRY_SECONDS = env.number("LUKHAS_UPSTREAM_TRY_SECONDS", default=15.0)
LUKHAS_UPSTREAM_KEY_VARS = env.texts("LUKHAS_UPSTREAM_KEY_VARS", default=[])
LUKHAS_UPSTREAM_CONNECT_SECONDS = env.number("LUKHAS_UPSTREAM_CONNECT_SECONDS", default=5.0)
LUKHAS_UPSTREAM_READ_SECONDS = env.number("LUKHAS_UPSTREAM_READ_SECONDS", default=300.0)
LUKHAS_UPSTREAM_FIRST_SECONDS = env.number("LUKHAS_UPSTREAM_FIRST_SECONDS", default=300.0)
LUKHAS_UPSTREAM_WHOLE_SECONDS = env.number("LUKHAS_UPSTREAM_WHOLE_SECONDS", default=3600.0)
LUKHAS_UPSTREAM_CONNECTIONS = env.whole("LUKHAS_UPSTREAM_CONNECTIONS", default=256)
LUKHAS_UPSTREAM_RETRIES = env.whole("LUKHAS_UPSTREAM_RETRIES", default=2)
LUKHAS_UPSTREAM_RETRY_SECONDS = env.number("LUKHAS_UPSTREAM_RETRY_SECONDS", default=5.0)
LUKHAS_BREAKER_FAILURES = env.whole("LUKHAS_BREAKER_FAILURES", default=5)
LUKHAS_BREAKER_WINDOW_SECONDS = env.number("LUKHAS_BREAKER_WINDOW_SECONDS", default=30.0)
LUKHAS_BREAKER_OPEN_SECONDS = env.number("LUKHAS_BREAKER_OPEN_SECONDS", default=15.0)

# --- Usage -----------------------------------------------------------------------------------------------------
LUKHAS_JOURNAL_DIR = env.text("LUKHAS_JOURNAL_DIR", default=str(DATA_DIR / "journal"))
LUKHAS_JOURNAL_FSYNC = env.choice("LUKHAS_JOURNAL_FSYNC", ("always", "batch", "never"), default="batch")
LUKHAS_JOURNAL_MAX_BYTES = env.whole("LUKHAS_JOURNAL_MAX_BYTES", default=1024**3)

# --- Rollouts --------------------------------------------------------------------------------------------------
# Without it, run manage.py guard_rollouts every minute.
LUKHAS_ROLLOUT_KEEPER = env.truth("LUKHAS_ROLLOUT_KEEPER", default=True)
LUKHAS_GUARD_LATE_SECONDS = env.whole("LUKHAS_GUARD_LATE_SECONDS", default=10)

# --- Policies --------------------------------------------------------------------------------------------------
LUKHAS_GUARDIAN_FAIL_OPEN = env.truth("LUKHAS_GUARDIAN_FAIL_OPEN", default=False)

# --- Events ----------------------------------------------------------------------------------------------------
LUKHAS_EVENT_WINDOW_DAYS = env.whole("LUKHAS_EVENT_WINDOW_DAYS", default=7)
LUKHAS_REJECTED_EVENTS_PER_HOUR = env.whole("LUKHAS_REJECTED_EVENTS_PER_HOUR", default=1000)
# Compared without regard to capitals and separators, at every depth.
LUKHAS_FORBIDDEN_PROPERTIES = env.texts(
    "LUKHAS_FORBIDDEN_PROPERTIES",
    default=[
        *("email", "email_address", "mail", "phone", "phone_number", "mobile", "tel", "telephone", "fax"),
        *("name", "first_name", "last_name", "full_name", "surname", "username", "address", "street", "postal_address"),
        *("birthday", "birth_date", "date_of_birth", "dob", "ssn", "social_security_number", "passport", "tax_id"),
        *("card", "card_number", "credit_card", "credit_card_number", "cvc", "cvv", "iban", "account_number"),
        *("ip", "ip_address", "remote_addr", "client_ip", "latitude", "longitude", "user_agent"),
        *("password", "passwd", "pwd", "secret", "client_secret", "token", "access_token", "refresh_token", "id_token"),
        *("api_key", "authorization", "cookie", "session_token", "user_id", "device_id"),
    ],
)

# --- Retention -------------------------------------------------------------------------------------------------
LUKHAS_KEEP_EVENTS_DAYS = env.whole("LUKHAS_KEEP_EVENTS_DAYS", default=30)
LUKHAS_KEEP_REJECTED_EVENTS_DAYS = env.whole("LUKHAS_KEEP_REJECTED_EVENTS_DAYS", default=30)
LUKHAS_KEEP_RAW_EXPOSURES_DAYS = env.whole("LUKHAS_KEEP_RAW_EXPOSURES_DAYS", default=90)
LUKHAS_KEEP_USAGE_RECORDS_DAYS = env.whole("LUKHAS_KEEP_USAGE_RECORDS_DAYS", default=397)
LUKHAS_KEEP_REFUSED_REQUESTS_DAYS = env.whole("LUKHAS_KEEP_REFUSED_REQUESTS_DAYS", default=397)
LUKHAS_KEEP_VETOES_DAYS = env.whole("LUKHAS_KEEP_VETOES_DAYS", default=90)

# --- What is seen from outside ---------------------------------------------------------------------------------
LUKHAS_LOG_LEVEL = env.choice("LUKHAS_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO")
LUKHAS_LOG_FORMAT = env.choice("LUKHAS_LOG_FORMAT", ("json", "console"), default="json")
LOGGING_CONFIG = "lukhas_site.logs.configure_django"
LOGGING = {"level": LUKHAS_LOG_LEVEL, "format": LUKHAS_LOG_FORMAT}
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT", default="")

# Of `check --deploy`. The edge sends X-Frame-Options (W002) and, over TLS, HSTS (W004); what speaks TLS in front of
# this server redirects to it (W008).
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W004", "security.W008"]
