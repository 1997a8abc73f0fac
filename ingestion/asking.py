"""Ask a reflection, now or at an earlier moment: the question becomes a vector here, the answer comes from patches."""

from django.conf import settings

from handoffs.models import Reflection
from ingestion.adapters import EMBEDDINGS, load
from ingestion.provenance import with_documents
from patches import lookup
from patches.facts import Known, View
from patches.facts import facts as known_facts
from patches.moments import Unclear, apply_number, period
from patches.search import Hit
from patches.search import search as search_passages


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
    """The facts, of one entity if `about` names it, with their words and the items that these stand in.

    Raises Unclear for a name that nothing has, and says what comes near.
    """
    return with_documents(
        known_facts(
            owner.pk,
            about=lookup.entities(owner.pk, about) if about else None,
            predicate=lookup.predicate(predicate) if predicate else None,
            seen=seen,
            limit=limit,
        )
    )


def search(owner: Reflection, question: str, *, limit: int = 5) -> list[Hit]:
    """Return the passages that answer best."""
    [vector] = load(EMBEDDINGS, settings.EMBEDDINGS).embed([question])
    return search_passages(owner.pk, question, vector.tolist(), limit=limit)
