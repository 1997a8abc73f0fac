"""Ask a reflection, now or at an earlier moment: the question becomes a vector here, the answer comes from patches."""

from collections.abc import Sequence
from dataclasses import dataclass

from handoffs.models import Reflection
from ingestion.adapters import chosen_embeddings
from ingestion.linking import with_targets
from ledger.failures import Failure
from patches import lookup
from patches.facts import Known, View
from patches.facts import facts as known_facts
from patches.moments import Unclear, apply_number, period
from patches.search import EVERYTHING, Hit, Within
from patches.search import search as search_passages

FACTS_SHOWN = 5


@dataclass(frozen=True)
class Answer:
    hits: Sequence[Hit]
    facts: Sequence[Known]


def reflection(name: str) -> Reflection:
    """The knowledge base of this name. Raises Unclear."""
    try:
        return Reflection.objects.get(name=name)
    except Reflection.DoesNotExist:
        raise Unclear(f"there is no reflection {name!r}; ingest something first") from None


def view(owner: Reflection, *, valid_at: str | None, known_at: str | None, history: bool = False) -> View:
    """The moment that is meant by what a person wrote. Raises Unclear."""
    return View(
        valid=period(valid_at) if valid_at else None,
        known_at=apply_number(owner.pk, known_at) if known_at else None,
        history=history,
    )


def facts(
    owner: Reflection, *, about: str | None = None, predicate: str | None = None, seen: View, limit: int | None = None
) -> list[Known]:
    """The facts, of one entity if `about` names it, with their words and the items that these stand in or lead to.

    Raises Unclear for a name that nothing has, and says what comes near.
    """
    found = known_facts(
        owner.pk,
        about=lookup.entities(owner.pk, about) if about else None,
        predicate=lookup.predicate(predicate) if predicate else None,
        seen=seen,
        limit=limit,
    )
    return with_targets(found)


def search(owner: Reflection, question: str, *, within: Within = EVERYTHING, limit: int = 5) -> Answer:
    """The passages that answer best, and what is known of the entities that the question names, at the same moment.

    Raises what the model fails with.
    """
    [vector] = chosen_embeddings().embed([question])
    if isinstance(vector, Failure):
        raise vector
    hits = search_passages(owner.pk, question, vector.tolist(), within=within, limit=limit)
    named = within.about or lookup.named_in(owner.pk, question)
    view = View(known_at=within.known_at)
    known = known_facts(owner.pk, about=named, seen=view, limit=FACTS_SHOWN, answering=question) if named else []
    return Answer(hits, known)


def narrowed(
    owner: Reflection, *, known_at: str | None, about: str | None, dated: tuple[str | None, str | None]
) -> Within:
    """Which passages are meant by what a person wrote. Raises Unclear."""
    for stated in filter(None, dated):
        period(stated)
    return Within(
        known_at=apply_number(owner.pk, known_at) if known_at else None,
        dated=(dated[0] or "", dated[1] or "") if any(dated) else None,
        about=lookup.entities(owner.pk, about) if about else None,
        name=about or "",
    )
