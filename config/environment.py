"""What the process environment may say, typed and checked: the only reader of os.environ in the project.

`load()` gives an immutable `Environment`, or stops the start with one line per bad variable. Secrets are never printed.
Those in `SECRETS` may also be given as a file's path in the variable of the same name with `_FILE` behind it, as
container secrets are.
"""

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.hardware import workers
from config.kept_keys import kept_key
from config.values import (
    REMOTE,
    SEAL_BYTES,
    BaseUrl,
    CommaList,
    LogLevel,
    LogUrl,
    ModelName,
    Networks,
    Origins,
    Port,
    Price,
    Seals,
    Url,
)
from ledger.broker import WATCHED, watched

CHECKOUT = Path(__file__).resolve().parent.parent
PREFIX = "SLUICEGATE_"
SECRETS = (
    "DATABASE_URL",
    "REDIS_URL",
    f"{PREFIX}SECRET_KEY",
    f"{PREFIX}SOURCE_KEYS",
    f"{PREFIX}METRICS_TOKEN",
    f"{PREFIX}TRACES_KEY",
    f"{PREFIX}EXTRACTOR_KEY",
    f"{PREFIX}EMBEDDINGS_KEY",
)
SECRET_KEY_MIN_CHARS = 32
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MIB = 1024 * 1024
GIB = 1024 * MIB


def _workers(asked: int, info: ValidationInfo) -> int:
    """Zero stands for as many as the machine is good for."""
    return asked or workers(info.data.get("worker_bytes", GIB))


@dataclass(frozen=True)
class Unreadable:
    """Stands for the secret in a file that cannot be read; no field takes it, and `complaint` becomes its line."""

    complaint: str


class SecretFiles(PydanticBaseSettingsSource):
    """Reads what is in SECRETS from the files that their `_FILE` variables name."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused: `__call__` answers for all fields at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for variable in SECRETS:
            if path := os.environ.get(f"{variable}_FILE"):
                # A field is given by its alias if it has one, else by its name.
                name = variable.removeprefix(PREFIX).lower() if variable.startswith(PREFIX) else variable
                try:
                    found[name] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as exc:
                    found[name] = Unreadable(f"{variable}_FILE: cannot read {path!r}: {exc.strerror}")
                except UnicodeError:
                    found[name] = Unreadable(f"{variable}_FILE: {path!r} is no UTF-8 text")
        return found


class Environment(BaseSettings):
    """How this process is run. Immutable; `load()` is the way to get one."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, validate_default=True
    )

    # The order matters: a field's check may look at the fields above it.
    state_dir: Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())] = Field(
        default=CHECKOUT / "var",
        description="Folder for what a checkout keeps: payloads, embedded servers, logs, its secret key.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        repr=False,
        description="PostgreSQL 18 with pgvector: postgresql://user:password@host:port/name. Unset: an embedded one.",
    )
    redis_url: str | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        repr=False,
        description="Redis or Valkey: redis://:password@host:port/0, rediss:// for TLS, or where Sentinels watch it "
        "redis+sentinel://:password@host:port,host:port/name/0. Unset: an embedded one.",
    )
    secret_key: str = Field(
        default="",
        repr=False,
        description="Signs sessions; 32 characters or more. Unset, without DATABASE_URL: one kept in the state folder.",
    )
    source_keys: Seals = Field(
        default=(),
        repr=False,
        description="Keys that the passwords and tokens of sources are sealed with, the newest first. Unset, without "
        "DATABASE_URL: kept in the state folder. Unset with it: no secret can be kept.",
    )
    debug: bool = Field(
        default=False, description="Show tracebacks in the browser. Never where others can reach the pages."
    )
    allowed_hosts: CommaList = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        min_length=1,
        description="Host names that are answered, separated by commas.",
    )
    csrf_trusted_origins: Origins = Field(
        default=(), description="Origins that may post forms, such as https://gate.example.org, separated by commas."
    )
    secure_cookies: bool | None = Field(
        default=None,
        description="Send cookies over HTTPS alone. Unset: yes, unless every allowed host is a loopback name.",
    )
    trust_proxy: bool = Field(
        default=False,
        description="Believe X-Forwarded-Proto, and the last address of X-Forwarded-For: only behind a proxy that ends "
        "TLS and always sets both headers.",
    )
    metrics_token: SecretStr | None = Field(default=None, repr=False, description="Opens /metrics, as a bearer token.")
    log_level: LogLevel = Field(default="INFO", description="The least level that is logged.")
    log_format: Literal["console", "json"] = Field(
        default="console", description="Lines for people, or JSON for machines."
    )
    log_url: LogUrl = Field(
        default=None,
        description="Where a run's log lines are, with {run} for its id: the page of a run in the console leads there.",
    )
    lease_s: int = Field(
        default=60, ge=5, le=3600, description="Seconds that a worker holds a flight without a sign of life."
    )
    deletions_share: float = Field(
        default=0.2, ge=0, le=1, description="The share of a source's items that one sync may find deleted unasked."
    )
    deletions_few: int = Field(default=10, ge=0, description="So many deletions are believed whatever their share.")
    purge_persons: Literal["auto", "1", "2"] = Field(
        default="auto", description="Persons that a purge needs. auto: two once the console has two who may."
    )
    api_rate: int = Field(default=600, ge=1, description="Requests a minute that each token of the API may make.")
    api_request_bytes: int = Field(default=64 * MIB, ge=1024, description="The largest request that the API takes.")
    shared_storage: Path | None = Field(
        default=None, description="Folder in which the API finds payloads that are given as shared:PATH."
    )
    flight_runs: int = Field(default=128, ge=1, le=10_000, description="The most runs in one flight.")
    flight_bytes: int = Field(
        default=16 * MIB, ge=1, description="The most payload bytes in one flight of several runs."
    )
    size_limit_bytes: int = Field(default=64 * MIB, ge=1, description="The largest payload that is taken, in bytes.")
    web_networks: Networks = Field(
        default=(),
        description="Networks that web sources may ask although they are not public, such as 10.1.0.0/16, by commas.",
    )
    minutes_kept_days: int = Field(
        default=2, ge=1, le=3650, description="Days that what is summed up by minute is kept for charts."
    )
    hours_kept_days: int = Field(
        default=40, ge=31, le=3650, description="Days that what is summed up by hour is kept; days are kept for ever."
    )
    backlog: int = Field(default=50_000, ge=1, description="Handoffs that may wait before sync pauses.")
    worker_bytes: int = Field(
        default=GIB, ge=64 * MIB, description="The memory that one process of a worker may take, models included."
    )
    worker_concurrency: Annotated[int, Field(ge=0, le=256), AfterValidator(_workers)] = Field(
        default=0,
        description="Processes of one worker. 0: one for each usable CPU, as far as three quarters of the memory last, "
        "at most 8.",
    )
    sync_concurrency: int = Field(
        default=2, ge=1, le=64, description="Sources that one worker syncs at the same time, in `make up`."
    )
    web_port: Port = Field(default=8000, description="Port of the console, on the loopback.")
    flower_port: Port = Field(default=5555, description="Port of Flower, on the loopback.")
    flower_url: BaseUrl = Field(default=None, description="Where Flower is, for the console. Unset: on the loopback.")
    embeddings: str = Field(default="wordllama", min_length=1, description="Name of the embeddings adapter.")
    extractor: str = Field(
        default="spacy_rules", min_length=1, description="Name of the adapter that extracts entities and facts."
    )
    extractor_url: BaseUrl = Field(
        default=None,
        description="With extractor `openai`: base URL of the endpoint, such as http://localhost:11434/v1.",
    )
    extractor_key: SecretStr | None = Field(default=None, repr=False, description="Its key, if it wants one.")
    extractor_model: ModelName = Field(default=None, description="The model's name, as the endpoint knows it.")
    extractor_input_price: Price = Field(
        default=Decimal(), description="What a million tokens read cost, in your currency."
    )
    extractor_output_price: Price = Field(
        default=Decimal(), description="What a million tokens written cost, in the same currency."
    )
    embeddings_url: BaseUrl = Field(
        default=None, description="With embeddings `openai`: base URL of the endpoint. It is not the extractor's."
    )
    embeddings_key: SecretStr | None = Field(default=None, repr=False, description="Its key, if it wants one.")
    embeddings_model: ModelName = Field(default=None, description="The model's name, as the endpoint knows it.")
    embeddings_dim: int = Field(default=1536, ge=1, le=16_000, description="The length of the model's vectors.")
    embeddings_price: Price = Field(default=Decimal(), description="What a million tokens cost.")
    model_timeout_s: float = Field(
        default=120, gt=0, le=1200, description="Seconds within which an endpoint has to have answered."
    )
    model_concurrency: int = Field(
        default=4, ge=1, le=64, description="Questions that one worker process asks an endpoint at a time."
    )
    traces: Literal["logs", "otlp"] = Field(
        default="logs", description="Where spans go: to the log at level DEBUG, or to an OpenTelemetry collector."
    )
    traces_url: Url = Field(
        default="http://localhost:4318/v1/traces", description="With `otlp`: where the collector takes OTLP over HTTP."
    )
    traces_key: SecretStr | None = Field(default=None, repr=False, description="Its bearer token, if it wants one.")
    crash_points: Path | None = Field(
        default=None, description="Folder in which tests say where a process is to be killed. Unset in any other use."
    )

    @property
    def embedded(self) -> bool:
        """Whether PostgreSQL and Valkey are the embedded ones."""
        return self.database_url is None

    @property
    def own_source_keys(self) -> Path | None:
        """The checkout's own file of source keys, where none are given."""
        return self.state_dir / "source_keys" if self.embedded and not self.source_keys else None

    @property
    def extractor_options(self) -> dict[str, Any]:
        """What the extractor's adapter is built with."""
        if self.extractor != REMOTE:
            return {}
        prices = {"input_price": self.extractor_input_price, "output_price": self.extractor_output_price}
        return self._endpoint("extractor") | prices

    @property
    def embeddings_options(self) -> dict[str, Any]:
        """What the embeddings' adapter is built with."""
        if self.embeddings != REMOTE:
            return {}
        return self._endpoint("embeddings") | {"dim": self.embeddings_dim, "input_price": self.embeddings_price}

    def _endpoint(self, port: str) -> dict[str, Any]:
        named = {name: getattr(self, f"{port}_{name}") for name in ("url", "key", "model")}
        return named | {"timeout_s": self.model_timeout_s, "concurrency": self.model_concurrency}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then variables, then the files of `_FILE` variables; nothing else."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in {"postgresql", "postgres"}:
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and urlsplit(url).scheme not in {"redis", "rediss", WATCHED}:
            raise ValueError(f"must begin with redis://, rediss:// or {WATCHED}://")
        watched(url or "")
        if "database_url" in info.data and (url is None) != (info.data["database_url"] is None):
            raise ValueError("set both DATABASE_URL and REDIS_URL, or neither for the embedded servers")
        return url

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, key: str, info: ValidationInfo) -> str:
        if not key and info.data.get("database_url"):
            raise ValueError("is required with DATABASE_URL; set at least 32 random characters")
        if key and len(key) < SECRET_KEY_MIN_CHARS:
            raise ValueError(f"must have at least {SECRET_KEY_MIN_CHARS} characters")
        return key

    @field_validator("secure_cookies")
    @classmethod
    def _unless_loopback(cls, asked: bool | None, info: ValidationInfo) -> bool:
        """A loopback name is reached over plain HTTP, and what is sent to it never leaves the machine."""
        return asked if asked is not None else not LOOPBACK.issuperset(info.data.get("allowed_hosts", ()))


class Variable(NamedTuple):
    """One variable as the documents show it."""

    name: str
    default: str
    meaning: str


def variables() -> Iterator[Variable]:
    """Yield every variable, in the order of `Environment`; the documents' table is made from this."""
    for name, field in Environment.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        elif isinstance(default, Path):
            default = f"<checkout>/{default.relative_to(CHECKOUT)}"
        elif isinstance(default, bool):
            default = str(default).lower()
        yield Variable(_variable(name), "" if default is None else str(default), field.description or "")


def load() -> Environment:
    """Return the environment. Raises SystemExit with one line per bad variable."""
    try:
        environment = Environment()
    except ValidationError as exc:
        raise SystemExit("\n".join(_line(error) for error in exc.errors(include_url=False))) from None
    if own := environment.own_source_keys:
        kept_key(own, lambda: urlsafe_b64encode(secrets.token_bytes(SEAL_BYTES)).decode())
    if environment.secret_key:
        return environment
    key = kept_key(environment.state_dir / "secret_key", lambda: secrets.token_urlsafe(48))
    return environment.model_copy(update={"secret_key": key})


def _variable(field: str) -> str:
    return field.upper() if field.upper() in SECRETS else f"{PREFIX}{field.upper()}"


def _line(error: Any) -> str:
    if isinstance(error["input"], Unreadable):
        return error["input"].complaint
    variable = _variable(str(error["loc"][0]))
    message = error["msg"].removeprefix("Value error, ")
    private = variable in SECRETS or variable.endswith("_URL")  # somebody may have put a password into it
    return f"{variable}: {message}" + ("" if private else f" (got {str(error['input'])[:60]!r})")
