"""Django's settings. Values come from config.environment; nothing here reads os.environ."""

import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import django_stubs_ext
from django.utils.crypto import salted_hmac
from kombu import Exchange, Queue
from psycopg.conninfo import conninfo_to_dict

from config import embedded, hardware
from config.environment import load
from ledger.broker import watched

django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = load()
SERVERS = (
    embedded.addresses(ENVIRONMENT.state_dir)
    if ENVIRONMENT.embedded
    else embedded.Servers(ENVIRONMENT.database_url or "", ENVIRONMENT.redis_url or "", started=False)
)
# What brings embedded servers back that died; nothing for servers that others look after.
REVIVE_SERVERS = partial(embedded.ensure, ENVIRONMENT.state_dir) if ENVIRONMENT.embedded else None
VERSION = (re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE) or ["", "0"])[1]

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key
# What the secrets of sources are sealed with; where none is given, the keys in a file of the state folder.
SOURCE_KEYS, OWN_SOURCE_KEYS = ENVIRONMENT.source_keys, ENVIRONMENT.own_source_keys
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENVIRONMENT.csrf_trusted_origins)

INSTALLED_APPS = [
    "console.apps.ConsoleConfig",  # before the admin, whose templates it puts on
    "console.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "axes",
    "django_celery_beat",
    "ledger",
    "handoffs",
    "patches",
    "ingestion",
]
MIDDLEWARE = [
    "ledger.requests.named",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "console.policy.content_policy",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["ledger.formats"]
STATIC_URL = "/static/"
STATIC_ROOT = ENVIRONMENT.state_dir / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# A session cookie goes over TLS alone, unless this is a checkout on one's own machine.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.secure_cookies
SESSION_COOKIE_HTTPONLY = True
# Where cookies are for TLS alone, so is everything else but the health pages, which a proxy asks from within.
SECURE_SSL_REDIRECT = ENVIRONMENT.secure_cookies
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENVIRONMENT.secure_cookies else 0
# What other names of the domain are served by is not ours to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.trust_proxy else None
TRUST_PROXY = ENVIRONMENT.trust_proxy
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# Who guesses passwords waits: for one name from one address, so that nobody can lock another one out.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "console.roles.Roles",
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "console.policy.asker"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

_database = conninfo_to_dict(SERVERS.database_url)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.pop("dbname", "sluicegate"),
        "USER": _database.pop("user", ""),
        "PASSWORD": _database.pop("password", ""),
        "HOST": _database.pop("host", ""),
        "PORT": _database.pop("port", ""),
        # kept between tasks and checked before use: see config/celery.py
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        # a server whose machine is gone is given up after 25 s, not after the system's two hours
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "sluicegate",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
            **_database,
        },
    }
}

_watched = watched(SERVERS.redis_url)
CACHES = {
    # of all processes: how often each token asked
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": [SERVERS.redis_client_url],
        "KEY_PREFIX": "sluicegate:cache",
        "OPTIONS": {"pool_class": "ledger.broker.Pool"} if _watched else {},
    },
    # what all viewers of a page share for some seconds; it is there when the broker is not
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "payloads": {
        "BACKEND": "handoffs.storage.PayloadFolder",
        "OPTIONS": {"location": str(ENVIRONMENT.state_dir / "payloads"), "file_permissions_mode": 0o600},
    },
}

# What a flight may hold, how long a worker may be silent, and the largest payload.
LEASE_S = ENVIRONMENT.lease_s
DELETIONS_SHARE, DELETIONS_FEW = ENVIRONMENT.deletions_share, ENVIRONMENT.deletions_few
PURGE_PERSONS = 0 if ENVIRONMENT.purge_persons == "auto" else int(ENVIRONMENT.purge_persons)
API_RATE = ENVIRONMENT.api_rate
METRICS_TOKEN = ENVIRONMENT.metrics_token
DATA_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.api_request_bytes
SHARED_STORAGE = ENVIRONMENT.shared_storage
FLIGHT_RUNS = ENVIRONMENT.flight_runs
FLIGHT_BYTES = ENVIRONMENT.flight_bytes
WORKER_CONCURRENCY = ENVIRONMENT.worker_concurrency
WORKER_BYTES = ENVIRONMENT.worker_bytes
USABLE_CPUS, USABLE_BYTES = hardware.usable_cpus(), hardware.usable_bytes()
USUAL_WORKER_CONCURRENCY = hardware.workers(WORKER_BYTES)
SYNC_CONCURRENCY = ENVIRONMENT.sync_concurrency
# One at work and one at hand for each process, and one for a source that has none of its own.
OPEN_FLIGHTS = 2 * WORKER_CONCURRENCY + 1
STATE_DIR = ENVIRONMENT.state_dir
REDIS_URL = SERVERS.redis_client_url
CRASH_POINTS = ENVIRONMENT.crash_points
WEB_PORT = ENVIRONMENT.web_port
LOG_URL = ENVIRONMENT.log_url
FLOWER_PORT = ENVIRONMENT.flower_port
FLOWER_URL = ENVIRONMENT.flower_url or f"http://127.0.0.1:{FLOWER_PORT}"
# What the console proves itself with to Flower, which nobody else can ask: see config/flowerconfig.py
FLOWER_USER = "console"
FLOWER_PASSWORD = salted_hmac("sluicegate.flower", FLOWER_USER, secret=SECRET_KEY, algorithm="sha256").hexdigest()
SIZE_LIMIT_BYTES = ENVIRONMENT.size_limit_bytes
# What the dispatcher does beside its own work: see ingestion/chores.py
CHORES = [
    "console.rolling.roll",
    "ledger.auditlog.keep_sealed",
    "ingestion.approvals.carry_out",
    "console.operating.work",
]
# For how many days what is summed up by minute and by hour is kept.
KEPT_DAYS = {60: ENVIRONMENT.minutes_kept_days, 3600: ENVIRONMENT.hours_kept_days}
# Who knows what a person of the console sees: see ledger/sight.py
SIGHT = "console.sight.of"
# So many handoffs may wait before sync pauses.
BACKLOG = ENVIRONMENT.backlog
WEB_NETWORKS = ENVIRONMENT.web_networks
EMBEDDINGS = ENVIRONMENT.embeddings
EXTRACTOR = ENVIRONMENT.extractor
# A key in them is a SecretStr, which prints as asterisks.
EMBEDDINGS_OPTIONS = ENVIRONMENT.embeddings_options
EXTRACTOR_OPTIONS = ENVIRONMENT.extractor_options

TRACES = ENVIRONMENT.traces
TRACES_OPTIONS = {} if TRACES == "logs" else {"url": ENVIRONMENT.traces_url, "key": ENVIRONMENT.traces_key}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"structured": {"()": "config.logs.formatter", "kind": ENVIRONMENT.log_format}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": ENVIRONMENT.log_level},
    # These tell every address that they ask, and some addresses are secrets for as long as they hold.
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}

# Each line has a measured reason: docs/decisions/0002-postgres-is-the-only-queue.md
CELERY_BROKER_URL = _watched.celery_url if _watched else SERVERS.redis_url
CELERY_RESULT_BACKEND = CELERY_RESULT_EXPIRES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE = True
CELERY_TASK_ACKS_ON_TIMEOUT = True
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_SOFT_TIME_LIMIT = 3540
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20.0
CELERY_WORKER_MAX_TASKS_PER_CHILD = 5000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 4_000_000  # KiB
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0.1,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 4200,
    "unacked_restore_interval": 15,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": not ENVIRONMENT.embedded,
    "health_check_interval": 15,
    "global_keyprefix": "sluicegate:",
    "queue_order_strategy": "round_robin",
    **(_watched.celery_options if _watched else {}),
}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_QUEUES = [Queue(name, Exchange(name, "direct"), routing_key=name) for name in ("stages", "sync")]
CELERY_TASK_DEFAULT_QUEUE = CELERY_TASK_DEFAULT_EXCHANGE = CELERY_TASK_DEFAULT_ROUTING_KEY = "stages"
CELERY_BEAT_SCHEDULER = "ingestion.clock:Clock"
