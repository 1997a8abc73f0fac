"""Which adapter serves which port. Chosen by name in settings, imported on first use, built once per process."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from ingestion.ports import EmbeddingsPort, ExtractorPort

EMBEDDINGS: Mapping[str, str] = {
    "hashing": "ingestion.adapters.embeddings.hashing.Hashing",
    "openai": "ingestion.adapters.embeddings.openai.OpenAI",
    "wordllama": "ingestion.adapters.embeddings.wordllama.WordLlama",
}
EXTRACTORS: Mapping[str, str] = {
    "openai": "ingestion.adapters.extractor.openai.OpenAI",
    "spacy_rules": "ingestion.adapters.extractor.spacy_rules.SpacyRules",
}


def chosen_embeddings() -> EmbeddingsPort:
    """The adapter that the settings name."""
    port: EmbeddingsPort = load(EMBEDDINGS, settings.EMBEDDINGS, **settings.EMBEDDINGS_OPTIONS)
    return port


def chosen_extractor() -> ExtractorPort:
    """The adapter that the settings name."""
    port: ExtractorPort = load(EXTRACTORS, settings.EXTRACTOR, **settings.EXTRACTOR_OPTIONS)
    return port


def load(table: Mapping[str, str], name: str, **options: Any) -> Any:
    """Return the adapter `name` of `table`; the same one for equal options. Raises KeyError for an unknown name."""
    return _build(table[name], **options)


@cache
def _build(path: str, **options: Any) -> Any:
    return import_string(path)(**options)
