"""Ask a reflection: the question becomes a vector here, the answer comes from patches."""

from django.conf import settings

from handoffs.models import Reflection
from ingestion.adapters import EMBEDDINGS, load
from patches.search import Hit
from patches.search import search as search_passages


def search(reflection: str, question: str, *, limit: int = 5) -> list[Hit]:
    """Return the passages that answer best. Raises Reflection.DoesNotExist."""
    owner = Reflection.objects.get(name=reflection)
    [vector] = load(EMBEDDINGS, settings.EMBEDDINGS).embed([question])
    return search_passages(owner.pk, question, vector.tolist(), limit=limit)
