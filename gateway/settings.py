"""Django's settings, and the only reader of the environment. Every variable stands in docs/operations.md.

It holds what differs between deployments; tuning constants sit beside the code that uses them.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from gateway import environment as env

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = env.choice("ROUTEPLEX_ENV", "development", ("development", "production")) == "production"
VAR_DIR = Path(env.text("VAR_DIR", str(ROOT / "var")))
if not PRODUCTION:
    VAR_DIR.mkdir(parents=True, exist_ok=True)


def _needed(name: str, value: str | None, why: str, development: str) -> str:
    return (
        env.required(name, value, why=f"{why} It must be set when ROUTEPLEX_ENV=production.")
        if PRODUCTION
        else value or development
    )


# --- secrets and addresses

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = _needed(
    "SECRET_KEY", env.secret("SECRET_KEY"), "It signs sessions: 50 random characters or more.", "development" * 5
)
KEY_PEPPERS = [
    _needed(
        "KEY_PEPPER", env.secret("KEY_PEPPER"), "API keys are stored hashed under it: 32 random characters.", "development-pepper"
    ),
    *env.words("KEY_PEPPER_PREVIOUS"),  # still recognised, no longer used for new keys
]
ENCRYPTION_KEYS = [
    _needed(
        "ENCRYPTION_KEY",
        env.secret("ENCRYPTION_KEY"),
        "What tenants let us keep is stored encrypted under it: 32 random characters or more.",
        "development-encryption-key-0123456789",
    ),
    *env.words("ENCRYPTION_KEY_PREVIOUS"),  # still opens what was sealed under it
]
if any(len(key) < 32 for key in ENCRYPTION_KEYS):
    raise ImproperlyConfigured("ENCRYPTION_KEY and each ENCRYPTION_KEY_PREVIOUS have 32 characters or more: write random ones.")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", () if PRODUCTION else ("localhost", "127.0.0.1", "[::1]", "testserver"))
if PRODUCTION:
    env.required("ALLOWED_HOSTS", ALLOWED_HOSTS, why="Write the host names that callers use, separated by commas.")
PUBLIC_URL = env.url("PUBLIC_URL", None if PRODUCTION else f"http://127.0.0.1:{env.number('PORT', 8000, least=1)}")
GATEWAY_URL = env.url("GATEWAY_URL", PUBLIC_URL)  # where our own workers reach the data plane
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

# --- stores

_database = _needed(
    "DATABASE_URL",
    env.url("DATABASE_URL", schemes=("postgres", "postgresql", "sqlite")),
    "For example postgres://user:password@host/name.",
    f"sqlite:///{VAR_DIR}/routeplex.sqlite3",
)
DATABASES = {"default": {**env.parsed("DATABASE_URL", environ.Env.db_url_config, _database), "ATOMIC_REQUESTS": False}}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits for its turn instead of failing in the middle
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {  # attempts to sign in, counted over all processes; where this is away, nobody can sign in anyway
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

REDIS_URL = _needed(
    "REDIS_URL",
    env.url("REDIS_URL", schemes=("redis", "rediss", "unix")),
    "For example redis://host:6379/0.",
    "redis://127.0.0.1:6379/0",
)
REDIS_PREFIX = env.text("REDIS_PREFIX", "routeplex")  # of our own keys; Celery's have names of their own
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300  # seconds; below the broker's visibility timeout
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "clear-sessions": {"task": "accounts.tasks.clear_sessions", "schedule": 24 * 3600},
    "roll-up": {"task": "gateway.tasks.roll_up", "schedule": 60},
    "tell-alerts": {"task": "gateway.tasks.tell_alerts", "schedule": 10},
    "deliver-messages": {"task": "accounts.tasks.deliver", "schedule": 10},
    "forget-old-messages": {"task": "accounts.tasks.forget_old_messages", "schedule": 24 * 3600},
    "learn": {"task": "learning.tasks.learn", "schedule": 5},
    "judge": {"task": "learning.tasks.judge", "schedule": 60},
    "judge-trials": {"task": "learning.tasks.judge_trials", "schedule": 3600},
    "share": {"task": "learning.tasks.share", "schedule": 600},
    "delete-expired": {"task": "gateway.tasks.delete_expired", "schedule": 600},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- what people and servers are told

MAILERS = {"default": env.mailer("EMAIL_URL", "smtp://localhost" if PRODUCTION else f"file://{VAR_DIR}/mail")}
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", "RoutePlex <routeplex@localhost>")
WEBHOOKS_PLAIN_HTTP = env.flag("WEBHOOKS_PLAIN_HTTP", not PRODUCTION)
WEBHOOKS_ALLOWED_NETWORKS = env.words("WEBHOOKS_ALLOWED_NETWORKS", () if PRODUCTION else ("127.0.0.0/8", "::1/128"))

# --- who may come in

SIGN_UP = env.choice("SIGN_UP", "invited" if PRODUCTION else "open", ("open", "invited"))
VERIFY_EMAIL = env.flag("VERIFY_EMAIL", PRODUCTION)

# --- the data plane

JOURNAL_DIR = Path(env.text("JOURNAL_DIR", str(VAR_DIR / "journal")))
PROVIDERS_FILE = env.text("PROVIDERS_FILE", str(ROOT / "providers.toml"))  # more providers; need not exist
MANAGEMENT_REQUESTS_PER_MINUTE = env.number("MANAGEMENT_REQUESTS_PER_MINUTE", 600, least=1)  # of each key and person
MAX_BODY_BYTES = env.number("MAX_BODY_BYTES", 20 * 2**20, least=1024)
DRAIN_LAG_S = env.number("DRAIN_LAG_S", 2 if PRODUCTION else 0)  # see gateway/drain.py
DRAIN_GRACE_S = env.number("DRAIN_GRACE_S", 120)
METRICS_PORT = env.number("METRICS_PORT", 0)  # of the recorder; 0: none
METRICS_HOST = env.text("METRICS_HOST", "127.0.0.1")
METRICS_BY_TENANT = env.flag("METRICS_BY_TENANT", False)
TRACES_URL = env.url("TRACES_URL")  # OTLP over HTTP; what else there is to say of it, the OTEL_* variables say
TRACES_SHARE = env.share("TRACES_SHARE", 1.0)
ACTIVE_PROBES = env.flag("ACTIVE_PROBES", False)  # see gateway/probes.py: they cost the operator tokens
SANDBOX_URL = env.url("SANDBOX_URL")
if PRODUCTION and SANDBOX_URL and not env.flag("SANDBOX_ENABLED", False):
    raise ImproperlyConfigured(
        "SANDBOX_URL is set in production. The sandbox invents answers: say SANDBOX_ENABLED=1 if you mean it."
    )
PROVIDER_SECRET = env.secret  # the catalogue names each provider's own variable
PROVIDER_BASE_URL = env.url

# --- Django

ROOT_URLCONF = "gateway.urls"
ASGI_APPLICATION = "gateway.asgi.application"
AUTH_USER_MODEL = "accounts.User"
INSTALLED_APPS = [
    "daphne",  # runserver; see docs/operations.md for what serves in earnest
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "dashboard.operator.apps.OperatorConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "accounts",
    "routing",
    "gateway",
    "learning",
    "management",
    "dashboard",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.frame.frame",
            ]
        },
    }
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignUpForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if VERIFY_EMAIL else "none"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = VERIFY_EMAIL
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before a second factor, a password or an address is changed
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.flag("TRUST_PROXY", False) else 0
MFA_ADAPTER = "accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "RoutePlex"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION

UNFOLD = {
    "SITE_TITLE": "RoutePlex",
    "SITE_HEADER": "RoutePlex",
    "SITE_SUBHEADER": "The rows behind the operator's pages",
    "SITE_URL": "/operator",
    "SITE_ICON": lambda request: "/static/routeplex.svg",
    "SHOW_HISTORY": True,
    "BORDER_RADIUS": "8px",
    "COLORS": {  # the product's own
        "primary": {
            "50": "#eef2ff",
            "100": "#e0e7ff",
            "200": "#c7d2fe",
            "300": "#a5b4fc",
            "400": "#8b85ff",
            "500": "#6366f1",
            "600": "#4f46e5",
            "700": "#4338ca",
            "800": "#3730a3",
            "900": "#312e81",
            "950": "#1e1b4b",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "dashboard.operator.site.navigation"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(VAR_DIR / "static")))
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
DOCS_DIR = env.text("DOCS_DIR", str(VAR_DIR / "docs"))  # built by bin/docs; need not exist
SERVESTATIC_USE_FINDERS = not PRODUCTION
SERVESTATIC_AUTOREFRESH = not PRODUCTION

_https = bool(PUBLIC_URL and urlsplit(PUBLIC_URL).scheme == "https")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("TRUST_PROXY", False) else None
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION or _https
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],  # a QR code, an arrow of a style sheet
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
    "form-action": ["'self'"],
}
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "gateway.api.refuse",
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "management.schema.Schema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "RoutePlex",
    "DESCRIPTION": "One endpoint, every model; and everything that the dashboard can do.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["management.schema.only_ours"],
    "POSTPROCESSING_HOOKS": ["management.schema.with_keys"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))},
    "loggers": {"django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
