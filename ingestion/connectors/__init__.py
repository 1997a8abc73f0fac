"""Connector kinds. A new one is a module here, a line in this table and a page in docs/reference/connectors/."""

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ingestion.connectors.fitting import fit
from ingestion.ports import SourcePort, Watchable
from ingestion.profiles import Profile
from ledger.failures import Auth
from ledger.reasons import Reason

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
# Whatever the kind: sealed, and never an option.
SECRETS = frozenset({"password", "token", "private_key", "refresh_token", "client_secret"})
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


def fitted(kind: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> SourcePort:
    """Return the connector of this kind; both the source's options and its secrets are its arguments, by name.

    Asks nobody. Raises ValueError, with the remedy, for what makes none.
    """
    if kind not in CONNECTORS:
        raise ValueError(f"{kind}: there is no such connector; there are {', '.join(CONNECTORS)}")
    try:
        return fit(import_string(CONNECTORS[kind]), options, secrets)
    except ValueError as exc:
        raise ValueError(f"{kind}: {exc}; docs/reference/connectors/{kind}.md says what it takes") from exc


def connect(kind: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> SourcePort:
    """Return the connector of a source that there is. Raises Auth, as only a person can mend its options."""
    try:
        return fitted(kind, options, secrets)
    except ValueError as exc:
        raise Auth(Reason.BAD_OPTIONS, str(exc)) from exc


def watchable(kind: str, options: Mapping[str, Any]) -> Watchable | None:
    """Return the connector if it reads a folder that can be watched; no secret is needed for that."""
    if kind not in CONNECTORS or not issubclass(import_string(CONNECTORS[kind]), Watchable):
        return None
    try:
        port = fitted(kind, options, {})
    except ValueError:  # its sync says so
        return None
    return port if isinstance(port, Watchable) else None
