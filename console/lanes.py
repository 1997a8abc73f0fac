"""A picture of facts over the time of the world, drawn on the server: a lane for each thing said, a bar for each fact.

Lanes are as high as they need to be: facts that hold at once stand below each other. It carries no style of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

LEFT, WIDE, ROW, BAR, HEAD = 230, 1000, 26, 20, 22  # in the picture's own units, about a pixel each
NAME_CHARS = 34
TICKS = 6
MARGIN = 0.04  # of the whole time, on either side
YEARS, MONTHS = timedelta(days=3 * 365), timedelta(days=90)
LEAST = timedelta(days=30)


@dataclass(frozen=True)
class Bar:
    """Something that holds from one moment to another; None is open. `kind` is a class of the style sheet."""

    lane: str
    name: str
    start: datetime | None
    end: datetime | None
    kind: str
    says: str


@dataclass(frozen=True)
class Axis:
    """Which moments the picture's edges stand for."""

    begin: datetime
    end: datetime

    def at(self, moment: datetime | None, *, otherwise: float) -> float:
        """Where a moment is, never outside of the picture."""
        if moment is None:
            return otherwise
        share = (moment - self.begin) / (self.end - self.begin)
        return LEFT + (WIDE - LEFT) * min(1.0, max(0.0, share))

    def ticks(self) -> list[tuple[float, str]]:
        whole = self.end - self.begin
        shape = "%Y" if whole > YEARS else "%b %Y" if whole > MONTHS else "%d %b %Y"
        moments = [self.begin + whole * (n + 0.5) / TICKS for n in range(TICKS)]
        return [(self.at(moment, otherwise=0), moment.strftime(shape)) for moment in moments]


def picture(bars: Sequence[Bar], *, label: str, mark: datetime | None = None, now: datetime) -> SafeString:
    """The bars on a common axis of time, with a line at `mark`; nothing for no bars."""
    if not bars:
        return SafeString("")
    axis = axis_of(bars, mark, now)
    placed = rows(bars, axis)
    height = HEAD + ROW * (1 + max(row for row, _ in placed))
    names = {bar.lane: row for row, bar in reversed(placed)}
    parts = [
        format_html_join(
            "", '<text class="tick" x="{}" y="14">{}</text>', ((f"{x:.0f}", at) for x, at in axis.ticks())
        ),
        format_html_join(
            "", '<text class="lane" x="0" y="{}">{}</text>', ((_y(row) + 14, _short(n)) for n, row in names.items())
        ),
        format_html_join("", "{}", ((_drawn(bar, row, axis),) for row, bar in placed)),
    ]
    if mark:
        x = f"{axis.at(mark, otherwise=LEFT):.1f}"
        parts.append(format_html('<line class="mark" x1="{}" x2="{}" y1="0" y2="{}"/>', x, x, height))
    return format_html(
        '<svg class="lanes" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>', WIDE, height, label,
        format_html_join("", "{}", zip(parts)),
    )  # fmt: skip


def axis_of(bars: Sequence[Bar], mark: datetime | None, now: datetime) -> Axis:
    """From the first moment that is known to the last, with a margin for what is open; up to now, if anything is."""
    known = [moment for bar in bars for moment in (bar.start, bar.end) if moment] + ([mark] if mark else [])
    if any(bar.end is None for bar in bars):
        known.append(now)
    first, last = min(known, default=now), max(known, default=now)
    margin = max((last - first) * MARGIN, LEAST)
    return Axis(_minus(first, margin), _plus(last, margin))


def _minus(moment: datetime, span: timedelta) -> datetime:
    least = datetime.min.replace(tzinfo=UTC)
    return moment - span if moment - least > span else least


def _plus(moment: datetime, span: timedelta) -> datetime:
    most = datetime.max.replace(tzinfo=UTC)
    return moment + span if most - moment > span else most


def rows(bars: Sequence[Bar], axis: Axis) -> list[tuple[int, Bar]]:
    """Each bar with its row: the lanes in order, within one the first row that is free when the bar begins."""
    placed: list[tuple[int, Bar]] = []
    first = 0
    for lane in dict.fromkeys(bar.lane for bar in bars):
        free: list[float] = []
        for bar in sorted(
            (one for one in bars if one.lane == lane), key=lambda one: axis.at(one.start, otherwise=LEFT)
        ):
            begin, end = axis.at(bar.start, otherwise=LEFT), axis.at(bar.end, otherwise=WIDE)
            row = next((n for n, until in enumerate(free) if until <= begin), len(free))
            free[row : row + 1] = [end]
            placed.append((first + row, bar))
        first += len(free)
    return placed


def _drawn(bar: Bar, row: int, axis: Axis) -> SafeString:
    """A nested picture, so that a long name ends where its bar does."""
    begin, end = axis.at(bar.start, otherwise=LEFT), axis.at(bar.end, otherwise=WIDE)
    ends = ("◂ " if bar.start is None else "", " ▸" if bar.end is None else "")
    return format_html(
        '<svg class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title>'
        '<rect width="100%" height="100%" rx="3"/><text x="5" y="14">{}{}{}</text></svg>',
        bar.kind, f"{begin:.1f}", _y(row), f"{max(3.0, end - begin - 2):.1f}", BAR, bar.says,
        ends[0], bar.name, ends[1],
    )  # fmt: skip


def _y(row: int) -> int:
    return HEAD + ROW * row


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"
