"""Small pieces of HTML for the admin's pages: links, tables, states. Everything from a row is escaped."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from json import dumps
from typing import Any

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from psycopg.types.range import Range

NOTHING = format_html("{}", "-")
TEXT_SHOWN = 20_000  # characters


def anchor(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def link(row: models.Model | None, *, most: int = 80) -> SafeString:
    """A link to the row's own page; of a longer name its beginning and its end, the rest as the link's title."""
    if not row:
        return NOTHING
    name = str(row)
    if len(name) <= most:
        return anchor(page(row), name)
    short = f"{name[: most // 3]}…{name[most // 3 - most + 1 :]}"
    return format_html('<a href="{}" title="{}">{}</a>', page(row), name, short)


def page(row: models.Model) -> str:
    """The address of the row's own page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])


def state(status: str) -> SafeString:
    return format_html('<span class="state {}">{}</span>', status, status.replace("_", " "))


def titled(text: str, title: str) -> SafeString:
    return format_html('<span title="{}">{}</span>', title, text)


def moment(at: datetime | None) -> SafeString:
    """A time to the millisecond, in UTC."""
    if at is None:
        return NOTHING
    return format_html('<span class="moment">{}</span>', f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}")


def duration(seconds: float) -> str:
    """A length of time as people say it: two digits, in the largest unit that it fills."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= length:
            return f"{seconds / length:.2g} {unit}" if seconds < 10 * length else f"{seconds / length:.0f} {unit}"
    return f"{1000 * seconds:.0f} ms" if seconds else "0"


def size(count: float) -> str:
    """A number of bytes as people say it: in the largest unit that it fills."""
    for unit, length in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= length:
            return f"{count / length:.1f} {unit}" if count < 10 * length else f"{count / length:.0f} {unit}"
    return f"{count:.0f} B"


def span(bounds: Range[Any] | None) -> SafeString:
    """A range of times or numbers, open ends as dots."""
    if bounds is None:
        return NOTHING
    return format_html("{} to {}", *(_end(bound) for bound in (bounds.lower, bounds.upper)))


def _end(bound: Any) -> str:
    if isinstance(bound, datetime):
        return f"{bound:%Y-%m-%d}" if bound.time() == time() else f"{bound:%Y-%m-%d %H:%M:%S}"
    return "…" if bound is None else str(bound)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> SafeString:
    """A table; a dash when it has no rows."""
    body = format_html_join("", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", zip(row)),) for row in rows))
    if not body:
        return NOTHING
    head = format_html_join("", "<th>{}</th>", zip(heads))
    return format_html('<table class="inside"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)


def listed(items: Sequence[SafeString]) -> SafeString:
    return format_html_join(" · ", "{}", zip(items)) if items else NOTHING


def stacked(*parts: SafeString) -> SafeString:
    return format_html_join("", "<div>{}</div>", zip(parts))


def block(text: str) -> SafeString:
    """Text as it stands, cut where a page would grow beyond reading."""
    if not text:
        return NOTHING
    cut = len(text) > TEXT_SHOWN
    shown = f"{text[:TEXT_SHOWN]}\n… {len(text) - TEXT_SHOWN:,} more characters" if cut else text
    return format_html("<pre>{}</pre>", shown)


def json(value: Any) -> SafeString:
    return block(dumps(value, indent=2, ensure_ascii=False))
