"""Pictures as SVG, drawn on the server: bars over time, small ones for a table's cell, spans on a common axis.

They carry no style of their own: classes name what is shown, and the style sheet has their colours in light and dark.
Text stands beside them in HTML, so that it is read at its own size however wide the picture becomes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.rendering import duration

STEP, BAR, HEIGHT = 10, 8, 100  # in the picture's own units
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
TIMES_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 6 * 3600, 12 * 3600, 86400, 2 * 86400)
SHOWN_AS_HOURS = timedelta(days=2)


@dataclass(frozen=True)
class Chart:
    """What was counted over time: by name a value for each moment, in the order in which they are stacked."""

    title: str
    moments: Sequence[datetime]
    series: Mapping[str, Sequence[float]]
    unit: str = ""  # `s` for seconds, `%` for a share; empty for things that are counted
    measured: bool = False  # it stands at a level, so that values of two moments do not add up
    empty: str = "Nothing in this time."

    @property
    def peak(self) -> float:
        return max((sum(values) for values in zip(*self.series.values(), strict=True)), default=0)

    @property
    def top(self) -> str:
        return self.told(self.height)

    @property
    def height(self) -> float:
        """What the picture's upper edge stands for: a round number, not less than the peak."""
        return (
            next((step for step in TIMES_S if step >= self.peak), ceiling(self.peak))
            if self.unit == "s"
            else ceiling(self.peak)
        )

    def told(self, value: float) -> str:
        return duration(value) if self.unit == "s" else f"{value:,.0f}{self.unit}"

    @property
    def picture(self) -> SafeString:
        return bars(self, "chart", label=f"{self.title}: at most {self.told(self.peak)} at a time")

    @property
    def totals(self) -> list[tuple[str, str]]:
        """Each series that there is anything of, with the sum of what is counted, the most of what is measured."""
        whole = max if self.measured else sum
        return [(name, self.told(whole(values))) for name, values in self.series.items() if any(values)]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The same as a table, the latest first, without the moments at which there was nothing."""
        lines = zip(self.moments, *self.series.values(), strict=True)
        told = [(moment(at), [self.told(value) for value in values]) for at, *values in lines if any(values)]
        return told[::-1]

    @property
    def ticks(self) -> list[str]:
        """A few moments along the axis."""
        shown = [self.moments[i * (len(self.moments) - 1) // 3] for i in range(4)]
        days = shown[-1] - shown[0] > SHOWN_AS_HOURS
        return [f"{at:%d %b}" if days else f"{at:%H:%M}" for at in shown[:-1]] + ["now"]


def bars(chart: Chart, kind: str, *, label: str) -> SafeString:
    """One bar for each moment, its parts on top of each other; each says its numbers when it is pointed at."""
    top = chart.height or 1
    drawn = "".join(_bar(chart, i, at, top) for i, at in enumerate(chart.moments))
    width = STEP * len(chart.moments)
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        kind, width, HEIGHT, label, SafeString(drawn),
    )  # fmt: skip


def _bar(chart: Chart, i: int, at: datetime, top: float) -> str:
    """As plain text, escaped here: a page has thousands of them."""
    parts, said, y = [_rect("under", i, 0, HEIGHT)], [], float(HEIGHT)
    for name, values in chart.series.items():
        if value := values[i]:
            height = HEIGHT * value / top
            y -= height
            parts.append(_rect(escape(name), i, y, height))
            said.append(f"{chart.told(value)} {name.replace('_', ' ')}")
    title = escape(f"{moment(at)}: {', '.join(said) or 'nothing'}")
    return f"<g><title>{title}</title>{''.join(parts)}</g>"


def _rect(name: str, i: int, y: float, height: float) -> str:
    return f'<rect class="of-{name}" x="{STEP * i + 1}" y="{y:.2f}" width="{BAR}" height="{height:.2f}"/>'


def spark(moments: Sequence[datetime], values: Sequence[float], name: str, *, unit: str = "") -> SafeString:
    """A small picture for a table's cell; the numbers stand beside it."""
    chart = Chart(name, moments, {name: values}, unit, measured=True)
    return bars(chart, "spark", label=f"over time, at most {chart.told(chart.peak)} at a time")


@dataclass(frozen=True)
class Stretch:
    """Something that took from one second of the picture to another one."""

    kind: str
    says: str
    from_s: float
    to_s: float


def stretches(parts: Iterable[Stretch], whole_s: float) -> SafeString:
    """One line of a Gantt chart."""
    drawn = format_html_join(
        "",
        '<g><title>{}</title><rect class="of-{}" x="{}" y="10" width="{}" height="80"/></g>',
        ((one.says, one.kind, *_place(one, whole_s)) for one in parts),
    )
    return format_html('<svg class="gantt" viewBox="0 0 1000 100" preserveAspectRatio="none">{}</svg>', drawn)


def _place(one: Stretch, whole_s: float) -> tuple[str, str]:
    scale = 1000 / (whole_s or 1)
    return f"{one.from_s * scale:.1f}", f"{max(4.0, (one.to_s - one.from_s) * scale):.1f}"


def ceiling(value: float) -> float:
    """The next round number."""
    if value <= 0:
        return 0
    power: float = 10.0 ** (len(f"{int(value)}") - 1)
    while power > value:
        power /= 10
    return next(step * power for step in ROUND if step * power >= value)


def moment(at: datetime) -> str:
    return f"{at:%d %b %H:%M}"
