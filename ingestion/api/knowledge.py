"""GET /search and /facts: what is known, and was."""

from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from handoffs.models import ApiToken
from ingestion import asking
from ingestion.api.access import allowed
from ingestion.api.problems import PROBLEMS

router = Router(tags=["knowledge"])
Words = Annotated[str, Field(min_length=1, max_length=1_000, pattern="^[^\\x00]+$")]
Moment = Annotated[str, Field(max_length=40, pattern="^[0-9TZ:+. -]+$")]
Limit = Annotated[int, Field(ge=1, le=100)]


class Asked(Schema):
    q: Words
    limit: Limit = 5
    known_at: Moment | None = None
    about: Words | None = None
    dated_from: Moment | None = None
    dated_to: Moment | None = None


class AboutFacts(Schema):
    about: Words | None = None
    predicate: Words | None = None
    valid_at: Moment | None = None
    known_at: Moment | None = None
    history: bool = False
    limit: Limit = 50


class Found(Schema):
    """Passages, best first, and facts about the entities that the question names."""

    hits: list[dict[str, Any]]
    facts: list[dict[str, Any]]


class Facts(Schema):
    facts: list[dict[str, Any]]


@router.get("/search", response={200: Found, **PROBLEMS})
def search(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """What answers best, now or as of an earlier apply number or time."""
    owner = allowed(request, ApiToken.Scope.ASK).reflection
    dated = (asked.dated_from, asked.dated_to)
    within = asking.narrowed(owner, known_at=asked.known_at, about=asked.about, dated=dated)
    return asdict(asking.search(owner, asked.q, within=within, limit=asked.limit))


@router.get("/facts", response={200: Facts, **PROBLEMS})
def facts(request: HttpRequest, asked: Query[AboutFacts]) -> dict[str, Any]:
    """Facts with their evidence, as of any moment of both clocks."""
    token = allowed(request, ApiToken.Scope.ASK)
    seen = asking.view(token.reflection, valid_at=asked.valid_at, known_at=asked.known_at, history=asked.history)
    found = asking.facts(token.reflection, about=asked.about, predicate=asked.predicate, seen=seen, limit=asked.limit)
    return {"facts": [asdict(fact) for fact in found]}
