"""What is known of an entity, from any moment of both clocks: as a picture, and as a table with the words for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from console.lanes import Bar, picture
from ingestion.asking import view
from ingestion.golden import ask
from ingestion.linking import with_targets
from ledger.failures import Failure
from patches.faces import period
from patches.facts import NOW, Known, facts
from patches.models import Alias, ApplyTransaction, Entity, Fact, GoldenQuestion
from patches.moments import Unclear

SHOWN = 200
STEPS_SHOWN = 12


def page_of(entity: Entity, asked: Mapping[str, str]) -> dict[str, Any]:
    """All that the entity's page shows beside its columns; `asked` is the address: valid_at, known_at, history.

    What cannot be understood is said, and the present shown. A constant number of statements.
    """
    valid_at, known_at = (asked.get(name, "").strip() for name in ("valid_at", "known_at"))
    problem, seen = "", NOW
    try:
        seen = view(entity.reflection, valid_at=valid_at or None, known_at=known_at or None, history="history" in asked)
    except Unclear as unclear:
        problem = str(unclear)
    found = facts(entity.reflection_id, about=[entity.pk], seen=_at_all_times(seen), limit=SHOWN + 1)
    known, valid = with_targets(found[:SHOWN]), seen.valid
    holds = [fact for fact in known if valid is None or _overlap(fact, valid)]
    mark = valid and (valid[0] or valid[1])
    bars = [_bar(fact, entity, holds=fact in holds) for fact in known]
    return {
        "problem": problem,
        "valid_at": valid_at,
        "known_at": known_at,
        "history": seen.history,
        "more": len(found) > SHOWN,
        "picture": picture(bars, label=f"What is known of {entity.name}, over time", mark=mark, now=timezone.now()),
        "facts": [(fact, period(fact).strip()) for fact in holds],
        "steps": steps(entity),
        "counts_as": Alias.objects.filter(entity=entity, sys__upper_inf=True).select_related("canonical").first(),
    }


def answered(question: GoldenQuestion) -> dict[str, Any]:
    """How a golden question is answered now; what the model fails with is said."""
    try:
        return {"asked": ask(question.reflection, question)}
    except Failure as failure:
        return {"problem": str(failure)}


def steps(entity: Entity) -> Sequence[tuple[int, datetime]]:
    """The latest apply numbers in which something said of the entity changed, with their times. Two statements."""
    spans = Fact.objects.filter(subject=entity).order_by("-pk").values_list("sys", flat=True)[:SHOWN]
    numbers = sorted({n for span in spans for n in (span.lower, span.upper) if n is not None}, reverse=True)
    taken = ApplyTransaction.objects.filter(seq__in=numbers[:STEPS_SHOWN]).order_by("-seq")
    return list(taken.values_list("seq", "at"))


def _at_all_times(seen: Any) -> Any:
    """The same moment of the store's clock, and every time of the world: the picture shows what does not hold too."""
    return type(seen)(known_at=seen.known_at, history=seen.history)


def _overlap(fact: Known, valid: tuple[datetime | None, datetime | None]) -> bool:
    begin, end = valid
    return (fact.valid_from is None or end is None or fact.valid_from < end) and (
        fact.valid_to is None or begin is None or begin < fact.valid_to
    )


def _bar(fact: Known, entity: Entity, *, holds: bool) -> Bar:
    """Of what is said of it, the lane is the predicate; of what names it, who and the predicate."""
    own = fact.subject.casefold() == entity.name.casefold()
    kind = "past" if fact.known_to is not None else "holds" if holds else "other"
    says = f"{fact.subject} {fact.label} {fact.object}, {period(fact).strip()}"
    lane = fact.label if own else f"{fact.subject} {fact.label}"
    return Bar(lane, fact.object, fact.valid_from, fact.valid_to, f"bar {kind}", says)
