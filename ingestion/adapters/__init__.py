"""Which adapter serves which port. Chosen by name in settings, imported on first use, built once per process."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from ingestion.ports import EmbeddingsPort, ExtractorPort, TracePort

log = structlog.get_logger(__name__)

EMBEDDINGS: Mapping[str, str] = {
    "hashing": "ingestion.adapters.embeddings.hashing.Hashing",
    "openai": "ingestion.adapters.embeddings.openai.OpenAI",
    "wordllama": "ingestion.adapters.embeddings.wordllama.WordLlama",
}
EXTRACTORS: Mapping[str, str] = {
    "openai": "ingestion.adapters.extractor.openai.OpenAI",
    "spacy_rules": "ingestion.adapters.extractor.spacy_rules.SpacyRules",
}
TRACES: Mapping[str, str] = {
    "logs": "ingestion.adapters.traces.logs.Logs",
    "otlp": "ingestion.adapters.traces.otlp.Otlp",
}
NO_PACKAGES = "logs"  # needs none


def chosen_embeddings() -> EmbeddingsPort:
    """The adapter that the settings name."""
    port: EmbeddingsPort = load(EMBEDDINGS, settings.EMBEDDINGS, **settings.EMBEDDINGS_OPTIONS)
    return port


def chosen_extractor() -> ExtractorPort:
    """The adapter that the settings name."""
    port: ExtractorPort = load(EXTRACTORS, settings.EXTRACTOR, **settings.EXTRACTOR_OPTIONS)
    return port


@cache
def chosen_traces() -> TracePort:
    """The adapter that the settings name; where its packages are missing, that is logged once, and the log is used."""
    port: TracePort
    try:
        port = load(TRACES, settings.TRACES, **settings.TRACES_OPTIONS)
    except ImportError as missing:
        remedy = "pip install -r requirements/traces.txt"
        log.warning("no trace is sent: a package is missing", package=missing.name, remedy=remedy)
        port = load(TRACES, NO_PACKAGES)
    return port


def load(table: Mapping[str, str], name: str, **options: Any) -> Any:
    """Return the adapter `name` of `table`; the same one for equal options. Raises KeyError for an unknown name."""
    return _build(table[name], **options)


@cache
def _build(path: str, **options: Any) -> Any:
    return import_string(path)(**options)
