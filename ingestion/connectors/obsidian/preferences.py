"""What a vault's own settings say of it: which paths its owner hides, and how daily notes are named.

Of `.obsidian` two files are read, and of them these keys: what plug-ins keep there may be secret.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ledger.failures import Transient
from ledger.reasons import Reason

MOST_BYTES = 1 << 20
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Of moment.js: https://momentjs.com/docs/#/displaying/format/
TOKENS = {
    "YYYY": r"(?P<year>\d{4})",
    "MMMM": r"(?P<named>[A-Za-z]{3,9})",
    "MMM": r"(?P<named>[A-Za-z]{3})",
    "MM": r"(?P<month>\d\d)",
    "M": r"(?P<month>\d\d?)",
    "DD": r"(?P<day>\d\d)",
    "Do": r"(?P<day>\d\d?)(?:st|nd|rd|th)",
    "D": r"(?P<day>\d\d?)",
    **dict.fromkeys(("dddd", "ddd", "dd"), r"\w+"),
    **dict.fromkeys(
        ("DDDD", "DDD", "GGGG", "gggg", "WW", "Wo", "W", "ww", "wo", "w", "Qo", "Q", "d", "E", "e"), r"\d+\w*"
    ),
}
PIECE = re.compile(rf"\[([^\]]*)\]|({'|'.join(sorted(TOKENS, key=len, reverse=True))})|(.)", re.DOTALL)


@dataclass(frozen=True)
class Preferences:
    hidden: Sequence[re.Pattern[str]] = ()
    daily: re.Pattern[str] | None = None
    daily_words: str = ""

    def hides(self, path: str) -> bool:
        return any(pattern.search(path) for pattern in self.hidden)

    def day(self, path: str) -> str | None:
        """The date of a daily note, as its path says it; None for another note."""
        found = self.daily.fullmatch(path) if self.daily else None
        if not found:
            return None
        said = found.groupdict()
        named = (said.get("named") or "")[:3].lower()
        month = MONTHS.index(named) + 1 if named in MONTHS else int(said.get("month") or 0)
        try:
            return date(int(said["year"]), month, int(said["day"])).isoformat()
        except ValueError:
            return None


def preferences(vault: Path) -> Preferences:
    """Read them. Raises Transient for settings that cannot be read: what the owner hides must not come in by that."""
    app = _object(vault / ".obsidian" / "app.json")
    daily = _object(vault / ".obsidian" / "daily-notes.json")
    filters = app.get("userIgnoreFilters") or []
    if not isinstance(filters, list) or not all(isinstance(one, str) for one in filters):
        raise Transient(Reason.CORRUPT, ".obsidian/app.json: userIgnoreFilters is no list of texts")
    written = str(daily.get("format") or "YYYY-MM-DD")
    folder = str(daily.get("folder") or "").strip("/") if daily else None
    words = f"{folder}/{written}" if folder else written
    return Preferences([_hidden(one) for one in filters if one], _pattern(folder, written), words)


def _object(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise Transient(Reason.CORRUPT, f".obsidian/{path.name} cannot be read") from exc
    return found if isinstance(found, dict) else {}


def _hidden(written: str) -> re.Pattern[str]:
    """A filter is the beginning of a path, or between slashes a pattern."""
    try:
        if len(written) > 2 and written.startswith("/") and written.endswith("/"):  # noqa: PLR2004  more than slashes
            return re.compile(written[1:-1], re.IGNORECASE)
    except re.error as exc:
        raise Transient(Reason.CORRUPT, f".obsidian/app.json: no pattern: {written}") from exc
    return re.compile("^" + re.escape(written), re.IGNORECASE)


def _pattern(folder: str | None, written: str) -> re.Pattern[str] | None:
    """The paths of daily notes. Where the vault does not say, a date is a daily note in whatever folder it lies."""
    seen: set[str] = set()
    parts = []
    for literal, token, other in PIECE.findall(written):
        group = re.match(r"\(\?P<(\w+)>", TOKENS.get(token, ""))
        if group and group[1] in seen:
            parts.append(f"(?P={group[1]})" if token == "YYYY" else r"\w+")  # noqa: S105  no password
        else:
            parts.append(TOKENS[token] if token else re.escape(literal or other))
            seen.update([group[1]] if group else [])
    if not seen >= {"year", "day"} or not seen & {"month", "named"}:
        return None
    above = r"(?:.*/)?" if folder is None else re.escape(folder + "/") if folder else ""
    return re.compile(rf"{above}{''.join(parts)}\.md", re.IGNORECASE)
