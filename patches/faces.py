"""Facts and their times as a person reads them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape

from patches.facts import Known

SHAPES = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}


def show_facts(console: Console, known: Sequence[Known]) -> None:
    """Print a line per fact, and under it the words that it rests on."""
    for fact in known:
        when = f"{stated(fact.valid_from, fact):>10} – {stated(fact.valid_to, fact, last=True):10}"
        console.print(
            f"{when}  {escape(fact.subject)} {fact.label} [bold]{escape(fact.object)}[/bold]", highlight=False
        )
        words = " ".join((fact.quote or "").split())
        console.print(f"{'':25}[dim]“{escape(words)}”  {escape(fact.source or '')}[/dim]", highlight=False)


def stated(moment: datetime | None, fact: Known, *, last: bool = False) -> str:
    """The moment as precisely as it is known; an end is shown as the last day, month or year in which it held."""
    if moment is None:
        return ""
    shown = moment - timedelta(days=1) if last else moment
    return shown.strftime(SHAPES.get(fact.precision, SHAPES["day"]))
