"""Connector kinds. A new one is a module here, a line in this table and a page in docs/reference/connectors/."""

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ingestion.ports import SourcePort

CONNECTORS: Mapping[str, str] = {
    "local_files": "ingestion.connectors.local_files.LocalFiles",
}
DEFAULT = next(iter(CONNECTORS))


def connect(kind: str, options: Mapping[str, Any]) -> SourcePort:
    """Return the connector of this kind with the source's options."""
    port: SourcePort = import_string(CONNECTORS[kind])(**options)
    return port
