"""Connector kinds. A new one is a module here, a line in this table and a page in docs/reference/connectors/."""

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ingestion.ports import SourcePort, Watchable
from ingestion.profiles import Profile

CONNECTORS: Mapping[str, str] = {
    "local_files": "ingestion.connectors.local_files.LocalFiles",
    "obsidian": "ingestion.connectors.obsidian.vault.Obsidian",
    "pushed": "ingestion.connectors.pushed.Pushed",
    "github": "ingestion.connectors.github.GitHub",
    "web": "ingestion.connectors.web.Web",
    "imap": "ingestion.connectors.imap.mailbox.Imap",
}
DEFAULT = next(iter(CONNECTORS))
VAULT = "obsidian"
PUSHED = "pushed"  # has nothing to list: the API hands its items over
# What a kind may take of the system, where that is less than the settings allow.
PROFILES: Mapping[str, Profile] = {
    "local_files": Profile(),
    "obsidian": Profile(),
    "pushed": Profile(),
    # No rate: only sync asks the remote side, and stops when it is told to. Runs read stored bytes.
    "github": Profile(),
    "web": Profile(),
    "imap": Profile(),
}


def profile(kind: str) -> Profile:
    """Return the kind's resource profile; a kind without a line of its own, or unknown by now, has the widest."""
    return PROFILES.get(kind, Profile())


def connect(kind: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> SourcePort:
    """Return the connector of this kind; both the source's options and its secrets are its arguments, by name."""
    port: SourcePort = import_string(CONNECTORS[kind])(**options, **secrets)
    return port


def watchable(kind: str, options: Mapping[str, Any]) -> Watchable | None:
    """Return the connector if it reads a folder that can be watched; no secret is needed for that."""
    connector = import_string(CONNECTORS[kind]) if kind in CONNECTORS else None
    try:
        return connector(**options) if connector and issubclass(connector, Watchable) else None
    except TypeError:  # options that it does not know: its sync says so
        return None
