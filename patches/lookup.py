"""Find what a person means by a name: an entity or predicate of that name, or the ones that come near it."""

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from uuid import UUID

from ledger import statements
from patches.models import Entity, Predicate
from patches.moments import Unclear
from patches.names import key_of

NEAR, NEAR_ENOUGH = 3, 0.5
LOOKED_AT = 2_000
WORDS_READ, LONGEST_NAME = 60, 8  # of a question, and of a name in it
SHORTEST, BEGINNING = 3, 4  # letters: of a word that is looked for, and of its beginning that must be there

# What shares a word's beginning with the name. Asked only when nothing has the name itself, so it may look at all.
ALIKE = """
SELECT DISTINCT name FROM patches_entity WHERE reflection_id = %(reflection)s
  AND (key LIKE ANY(%(patterns)s::text[]) OR lower(name) LIKE ANY(%(patterns)s::text[])) LIMIT %(limit)s
"""


def entities(reflection_id: int, name: str) -> list[UUID]:
    """The entities of this name, of whatever type; documents by their title. Raises Unclear with what is near."""
    in_reflection = Entity.objects.filter(reflection=reflection_id)
    found = list(in_reflection.filter(key=key_of(name)).values_list("pk", flat=True))
    if not found:
        titled = in_reflection.filter(type="document", name__iexact=name.strip())
        found = list(titled.values_list("pk", flat=True))
    if not found:
        raise Unclear(f"nothing is called {name!r}{_or(_near(reflection_id, name))}")
    return found


def entity(reflection_id: int, name: str, *, type_: str | None = None) -> Entity:
    """The one entity of this name or id. Raises Unclear where there is none, or several and no type says which."""
    try:
        ids = [UUID(name)]
    except ValueError:
        ids = entities(reflection_id, name)
    found = list(Entity.objects.filter(reflection=reflection_id, pk__in=ids).order_by("type"))
    found = [one for one in found if type_ in (None, one.type)]
    if not found:
        raise Unclear(f"no {type_ or 'entity'} is called {name!r}")
    if len(found) > 1:
        meant = "; ".join(f"{one.type} {one.pk}" for one in found)
        raise Unclear(f"several are called {name!r}: give its type, or its id: {meant}")
    return found[0]


def predicate(name: str) -> str:
    """The predicate of this name. Raises Unclear with what is near."""
    known = list(Predicate.objects.order_by("name").values_list("name", flat=True))
    if name not in known:
        near = get_close_matches(name.lower().replace(" ", "_").replace("-", "_"), known, NEAR, NEAR_ENOUGH)
        raise Unclear(f"there is no predicate {name!r}{_or(near)}; there are {', '.join(known)}")
    return name


def named_in(reflection_id: int, words: str) -> list[UUID]:
    """The entities that a question names, by the longest names that stand in it; documents are not looked for."""
    spoken = words.split()
    runs = {
        (start, end): key_of(_bare(" ".join(spoken[start:end])))
        for start in range(min(len(spoken), WORDS_READ))
        for end in range(start + 1, min(start + LONGEST_NAME, len(spoken)) + 1)
    }
    there = Entity.objects.filter(reflection=reflection_id, key__in=set(runs.values())).exclude(type="document")
    ids: dict[str, list[UUID]] = {}
    for key, id_ in there.order_by("key", "type").values_list("key", "pk"):
        ids.setdefault(key, []).append(id_)
    return [id_ for key in _longest(runs, ids) for id_ in ids[key]]


def _bare(words: str) -> str:
    """Without the marks around it; those that belong to a letter stay."""
    marks = "".join(sign for sign in {*words} if unicodedata.category(sign)[0] in "PSZ")
    return words.strip(marks)


def _longest(runs: dict[tuple[int, int], str], there: Iterable[str]) -> list[str]:
    """The keys in order of the question, without those that stand inside a longer one."""
    known = set(there)
    found = sorted(((span, key) for span, key in runs.items() if key in known), key=lambda one: one[0][0] - one[0][1])
    taken: list[tuple[int, int]] = []
    kept: dict[str, int] = {}
    for (start, end), key in found:
        if not any(start < until and since < end for since, until in taken):
            taken.append((start, end))
            kept.setdefault(key, start)
    return sorted(kept, key=kept.__getitem__)


def _near(reflection_id: int, name: str) -> list[str]:
    beginnings = [word[:BEGINNING] for word in key_of(name).split() if len(word) >= SHORTEST]
    patterns = [f"%{word.replace('%', '').replace('_', '')}%" for word in beginnings]
    alike = {
        key_of(found): found
        for (found,) in statements.rows(ALIKE, {"reflection": reflection_id, "patterns": patterns, "limit": LOOKED_AT})
    }
    return [alike[key] for key in get_close_matches(key_of(name), sorted(alike), NEAR, NEAR_ENOUGH)]


def _or(near: Sequence[str]) -> str:
    return f"; is it {' or '.join(repr(name) for name in near)}?" if near else ""
