"""How the values of the environment are written, and what is wrong with one that cannot be read: in words."""

import re
from base64 import urlsafe_b64decode
from decimal import Decimal
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

REMOTE = "openai"  # the adapters of this name ask an endpoint
SEAL_BYTES = 32


def _split(value: object) -> object:
    """Cut a comma list; whatever is no text passes as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _lines(value: object) -> object:
    """As _split, where a file may have a line for each."""
    return tuple(part for part in re.split(r"[,\s]+", value) if part) if isinstance(value, str) else value


def _seals(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        try:
            fits = len(urlsafe_b64decode(key)) == SEAL_BYTES
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"each key is {SEAL_BYTES} random bytes as url-safe base64: openssl rand -base64 32 | tr +/ -_"
            )
    return keys


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
            raise ValueError("each origin is a scheme and a host, such as https://gate.example.org")
    return origins


def _base_url(url: str | None, info: ValidationInfo) -> str | None:
    """Check an endpoint's address, which its adapter cannot do without. A key does not belong into it."""
    parts = urlsplit(url or "")
    if url is None and info.data.get(str(info.field_name).removesuffix("_url")) == REMOTE:
        raise ValueError(f"is required with the {REMOTE} adapter, such as http://localhost:11434/v1")
    if url is not None and (parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc):
        raise ValueError("is an http or https address without user or password, such as http://localhost:11434/v1")
    return url


def _url(url: str) -> str:
    """Check an address to which something is sent. A key does not belong into it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("is an http or https address without user or password")
    return url


def _log_url(url: str | None) -> str | None:
    """Check an address in which {run} stands for a run's id."""
    if url is not None and (_url(url).count("{run}") != 1 or set(url.replace("{run}", "")) & set("{}")):
        raise ValueError("is an address with {run} in it once, such as https://logs.example.org/?q={run}")
    return url


def _model(name: str | None, info: ValidationInfo) -> str | None:
    if name is None and info.data.get(str(info.field_name).removesuffix("_model")) == REMOTE:
        raise ValueError(f"is required with the {REMOTE} adapter: the model's name, as its endpoint knows it")
    return name


def _networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ip_network(network)
        except ValueError as exc:
            raise ValueError(f"{network!r} is no network: write it as 10.1.0.0/16") from exc
    return networks


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Seals = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lines), AfterValidator(_seals)]
Origins = Annotated[CommaList, AfterValidator(_origins)]
Networks = Annotated[CommaList, AfterValidator(_networks)]
BaseUrl = Annotated[str | None, AfterValidator(_base_url)]
Url = Annotated[str, AfterValidator(_url)]
LogUrl = Annotated[str | None, AfterValidator(_log_url)]
ModelName = Annotated[str | None, AfterValidator(_model)]
Price = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
