"""Facts and their times as a person reads them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape

from ledger.commands import spoken
from patches.changes import FactChange
from patches.differences import Difference
from patches.facts import Known

SHAPES = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
MARGIN = " " * 25
CHANGES_SHOWN = 50


def show_facts(console: Console, known: Sequence[Known], *, history: bool = False, words: bool = True) -> None:
    """Print a line per fact, under it the words that it rests on, and for its history when it was known."""
    for fact in known:
        told = f"{escape(fact.subject)} {escape(fact.label)} [bold]{escape(fact.object)}[/bold]"
        leading = f"  → {escape(', '.join(fact.leads_to))}" if fact.leads_to else ""
        console.print(f"{period(fact)}  {told}{leading}", highlight=False)
        if history:
            console.print(f"{MARGIN}{known_during(fact)}", highlight=False)
        for said in fact.evidence[:1] if words else ():
            quote, named = " ".join(said.quote.split()), ", ".join(said.documents) or said.title
            console.print(f"{MARGIN}[dim]“{escape(quote)}”  {escape(named)}[/dim]", highlight=False)


def show_changes(console: Console, closed: Sequence[FactChange], opened: Sequence[FactChange]) -> None:
    """Print a line for each fact that ends and that begins, the first of a long list."""
    for sign, changes in (("-", closed), ("+", opened)):
        for change in changes[:CHANGES_SHOWN]:
            words = f"{sign} {period(change)}  {change.subject} {spoken(change.predicate)} {change.object}"
            console.print(escape(words), highlight=False)
        if len(changes) > CHANGES_SHOWN:
            console.print(f"{sign} and {len(changes) - CHANGES_SHOWN:,} more", highlight=False)


def show_difference(console: Console, told: Difference) -> None:
    """Print what a batch changes: counts, then a line for each fact and for each golden question that it touches."""
    console.print(f"{told.passages_added:,} passages come, {told.passages_gone:,} go", highlight=False)
    counts = f"{len(told.closed):,} facts end, {len(told.opened):,} begin"
    console.print(f"{counts}, {len(told.merged):,} claims confirm what is known", highlight=False)
    show_changes(console, told.closed, told.opened)
    for one in told.merged[:CHANGES_SHOWN]:
        console.print(escape(f"= {one.subject} {spoken(one.predicate)} {one.object}"), highlight=False)
    golden = {
        "finds less": told.golden_worse,
        "has other answers": told.golden_moved,
        "would be lost": told.golden_lost,
    }
    for what, questions in golden.items():
        for question in questions:
            console.print(escape(f"! {question} – {what}"), highlight=False)


def known_during(fact: Known) -> str:
    """Between which apply numbers, and when that was."""
    since = f"known from {fact.known_from} ({fact.known_from_at:%Y-%m-%d %H:%M})"
    if fact.known_to is None or fact.known_to_at is None:
        return f"{since} on"
    return f"{since} until {fact.known_to} ({fact.known_to_at:%Y-%m-%d %H:%M})"


def period(fact: Known | FactChange) -> str:
    """From when until when it holds, in columns."""
    return f"{stated(fact.valid_from, fact):>10} – {stated(fact.valid_to, fact, last=True):10}"


def stated(moment: datetime | None, fact: Known | FactChange, *, last: bool = False) -> str:
    """The moment as precisely as it is known; an end is shown as the last day, month or year in which it held."""
    if moment is None:
        return ""
    shown = moment - timedelta(days=1) if last else moment
    return shown.strftime(SHAPES.get(fact.precision, SHAPES["day"]))
