"""What an ingest looks like on a terminal: a bar per stage while it runs, a table of outcomes at its end."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ingestion.ingesting import Report, Standing
from ingestion.stages import ORDER
from ingestion.sync import SyncReport
from ledger.reasons import Reason
from patches.search import Hit

SHOWN_CHARS, LEAD_CHARS = 400, 40


class Faces:
    def __init__(self, console: Console, bars: Progress) -> None:
        self.console, self.bars = console, bars
        self.list_bar = bars.add_task("list", total=None)
        self.stage_bars = {name: bars.add_task(name, total=None) for name in ORDER}

    def listing(self, report: SyncReport) -> None:
        self.bars.update(self.list_bar, completed=report.listed)

    def standing(self, seen: Standing) -> None:
        self.bars.update(self.list_bar, total=self.bars.tasks[self.list_bar].completed)
        for name, bar in self.stage_bars.items():
            self.bars.update(bar, total=seen.runs, completed=seen.passed[name])

    def tell(self, report: Report) -> None:
        """Print the outcomes by reason code, and what else the operator should know."""
        synced = report.sync
        if not report.standing.runs and not synced.refused:
            self.console.print(
                f"Nothing changed: {synced.listed} items, {synced.gone} gone, {report.seconds:.1f} s, no model work."
            )
        else:
            self.console.print(outcomes_table(report))
            self.console.print(
                f"{synced.listed} items, {synced.unchanged + synced.touched} unchanged, {synced.gone} gone; "
                f"{report.model_calls} passages given to models; {report.seconds:.1f} s"
            )
        for reason, count in sorted(synced.skipped.items()):
            self.console.print(f"passed over: {count} × {reason.value} ({reason.label})")
        if synced.held:
            self.console.print(
                f"[bold]{synced.held} items are absent from the listing; nothing was retired.[/bold] "
                "If they are really gone, run again with --accept-deletions."
            )


def outcomes_table(report: Report) -> Table:
    table = Table(title="Outcomes by reason", title_justify="left")
    table.add_column("reason")
    table.add_column("items", justify="right")
    table.add_column("meaning")
    for reason, count in sorted(report.reasons.items(), key=lambda pair: (-pair[1], pair[0])):
        table.add_row(reason, str(count), Reason(reason).label)
    return table


@contextmanager
def reporting(*, quiet: bool) -> Iterator[Faces]:
    """Show live progress during the block: on a terminal only, and never with `quiet`."""
    console = Console(quiet=quiet, stderr=False)
    columns = (TextColumn("{task.description:>7}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bars:
        yield Faces(console, bars)


def show_hits(console: Console, hits: Sequence[Hit]) -> None:
    """Print the passages, the words of the question in bold, each with the items that have it."""
    for n, hit in enumerate(hits, 1):
        console.print(f"[bold]{n}. {escape(hit.title)}[/bold]  [dim]{escape(', '.join(hit.documents))}[/dim]")
        console.print(Padding(excerpt(hit), (0, 0, 1, 3), expand=False))


def excerpt(hit: Hit) -> Text:
    """The part of a passage in which most of the question's words stand, on one line."""
    starts = [start for start, _ in hit.highlights]
    best = max(starts, key=lambda at: sum(at <= start < at + SHOWN_CHARS for start in starts), default=0)
    first = max(0, min(best - LEAD_CHARS, len(hit.text) - SHOWN_CHARS))
    first = hit.text.rfind(" ", 0, first) + 1 if first else 0
    last = min(len(hit.text), first + SHOWN_CHARS)
    shown = Text("… " if first else "")
    at = first
    for start, end in [span for span in hit.highlights if first <= span[0] and span[1] <= last]:
        shown.append(spoken(hit.text[at:start])).append(spoken(hit.text[start:end]), "bold")
        at = end
    return shown.append(spoken(hit.text[at:last])).append(" …" if last < len(hit.text) else "")


def spoken(text: str) -> str:
    """One space for each run of white space; what a terminal would obey is left out."""
    return "".join(sign if sign.isprintable() else "�" for sign in re.sub(r"\s+", " ", text))
