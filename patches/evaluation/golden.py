"""Golden questions: what a reflection has to go on answering, asked of the store with a batch in it.

A question expects documents among its first `k` passages, or facts. The passages that the store would find are looked
up once for a flight; a batch's own are sorted in among them as search does it, without writing any.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from patches.evaluation.shadow import Aliases, Change, Shadow
from patches.names import slot_of
from patches.search import CANDIDATES, RANK_CONSTANT
from patches.timeline import EARLIEST, LATEST, Held, instants

NEW = 2**62  # a passage without a number comes after those that have one


@dataclass(frozen=True)
class Expected:
    """A fact that has to hold: at `at`, or now."""

    slot: UUID
    object_key: str
    at: datetime | None
    says: str

    def holds(self, facts: Iterable[Held], now: datetime) -> bool:
        at = self.at or now
        return any(
            held.object_key == self.object_key and (held.start or EARLIEST) <= at < (held.end or LATEST)
            for held in facts
        )


@dataclass(frozen=True)
class Question:
    id: int
    text: str
    k: int
    documents: frozenset[str] = frozenset()
    facts: tuple[Expected, ...] = ()


@dataclass(frozen=True, order=True)
class Candidate:
    """A passage that one of the two rankings found; the smaller `distance`, the better."""

    distance: float
    id: int
    text_hash: str = field(compare=False)
    batch_id: int = field(compare=False)


Ranking = list[Candidate]
Rankings = tuple[Ranking, Ranking]  # by vectors and by words


@dataclass(frozen=True)
class Score:
    """`recall`: the share of the expected documents among the first k; `reciprocal`: 1 / the rank of the first."""

    recall: float
    reciprocal: float
    answers: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Shift:
    """What a batch would do to the golden answers: the loss of mean recall and mean reciprocal rank, and of whom."""

    recall: float = 0.0
    reciprocal: float = 0.0
    worse: Sequence[str] = ()
    moved: Sequence[str] = ()
    lost: Sequence[str] = ()


UNMOVED = Shift()


@dataclass
class Golden:
    """The questions and what answers them now; it goes along with the flight, as the shadow does.

    `fresh` are the passages that each batch would add, by batch and question; `documents` the items of each batch.
    """

    questions: Mapping[int, Question] = field(default_factory=dict)
    found: dict[int, Rankings] = field(default_factory=dict)
    fresh: Mapping[int, Mapping[int, Rankings]] = field(default_factory=dict)
    documents: dict[int, frozenset[str]] = field(default_factory=dict)
    now: datetime = EARLIEST

    def __post_init__(self) -> None:
        self.scores = {id_: self._score(id_, rankings) for id_, rankings in self.found.items()}
        self.expecting = [one for question in self.questions.values() for one in question.facts]

    def shift(self, batch_id: int, name: str, change: Change, shadow: Shadow) -> Shift:
        """What it would do to the answers if the item `name` carried the batch. Looks at the questions it touches."""
        after = self._after(batch_id, name, change)
        asked = max(len(self.found), 1)
        pairs = [(self.questions[id_].text, self.scores[id_], score) for id_, score in after.items()]
        return Shift(
            sum(was.recall - score.recall for _, was, score in pairs) / asked,
            sum(was.reciprocal - score.reciprocal for _, was, score in pairs) / asked,
            [text for text, was, score in pairs if (score.recall, score.reciprocal) < (was.recall, was.reciprocal)],
            [text for text, was, score in pairs if score.answers != was.answers],
            [one.says for one in self.expecting if self._is_lost(one, change, shadow)],
        )

    def accept(self, batch_id: int, name: str, change: Change) -> None:
        """Take the change for granted from now on."""
        self.scores |= self._after(batch_id, name, change)
        self.documents[batch_id] = frozenset({name})
        for id_ in self._touched(batch_id, change):
            self.found[id_] = self._with(id_, batch_id, change)

    def _after(self, batch_id: int, name: str, change: Change) -> dict[int, Score]:
        before = self.documents.get(batch_id)
        self.documents[batch_id] = frozenset({name}) | (before or frozenset())
        try:
            return {id_: self._score(id_, self._with(id_, batch_id, change)) for id_ in self._touched(batch_id, change)}
        finally:
            if before is None:
                del self.documents[batch_id]
            else:
                self.documents[batch_id] = before

    def _touched(self, batch_id: int, change: Change) -> list[int]:
        """The questions of which the batch brings a passage among the first, or takes one away."""
        mine = self.fresh.get(batch_id, {})
        if not change.leaving:
            return [id_ for id_ in mine if id_ in self.found]
        return [
            id_
            for id_, rankings in self.found.items()
            if id_ in mine or any(one.batch_id in change.leaving for ranking in rankings for one in ranking)
        ]

    def _with(self, id_: int, batch_id: int, change: Change) -> Rankings:
        by_vector, by_words = self.found[id_]
        mine_by_vector, mine_by_words = self.fresh.get(batch_id, {}).get(id_, ([], []))
        return (
            merged(by_vector, mine_by_vector, without=change.leaving),
            merged(by_words, mine_by_words, without=change.leaving),
        )

    def _score(self, id_: int, rankings: Rankings) -> Score:
        question = self.questions[id_]
        answers = tuple(self._answers(rankings, question.k))
        found = question.documents & frozenset().union(*answers)
        ranks = [n for n, documents in enumerate(answers, 1) if documents & question.documents]
        return Score(len(found) / len(question.documents), 1 / ranks[0] if ranks else 0.0, answers)

    def _answers(self, rankings: Rankings, k: int) -> Iterable[frozenset[str]]:
        """The documents of the first k texts, best first: reciprocal rank fusion, as in sql/search.sql."""
        scores: dict[int, tuple[float, Candidate]] = {}
        for ranking in rankings:
            for rank, one in enumerate(ranking[:CANDIDATES], 1):
                key = one.id if one.id < NEW else hash((one.batch_id, one.id))
                scores[key] = (scores.get(key, (0.0, one))[0] + 1 / (RANK_CONSTANT + rank), one)
        texts: dict[str, list[tuple[float, Candidate]]] = defaultdict(list)
        for scored in scores.values():
            texts[scored[1].text_hash].append(scored)
        best = sorted(texts.values(), key=lambda twins: min((-score, one.id) for score, one in twins))
        for twins in best[:k]:
            yield frozenset(name for _, one in twins for name in self.documents.get(one.batch_id, ()))

    def _is_lost(self, expected: Expected, change: Change, shadow: Shadow) -> bool:
        after = change.slots.get(expected.slot)
        before = shadow.slots.get(expected.slot)
        if after is None or before is None:
            return False
        return expected.holds(before.facts, self.now) and not expected.holds(after.facts, self.now)


def merged(ranking: Ranking, more: Ranking, *, without: frozenset[int]) -> Ranking:
    kept = [one for one in ranking if one.batch_id not in without] if without else ranking
    return sorted([*kept, *more]) if more else kept


def question(reflection_id: int, row: Mapping[str, Any], aliases: Aliases) -> Question:
    """A question as sql/surroundings.sql tells it."""
    facts = tuple(expected(reflection_id, one, aliases) for one in row["facts"])
    return Question(row["id"], row["question"], row["k"], frozenset(row["documents"]), facts)


def expected(reflection_id: int, told: Mapping[str, Any], aliases: Aliases) -> Expected:
    """The fact that is told, where it counts: by whom those that it names count as."""
    subject, key = UUID(told["subject_id"]), told["object_key"]
    subject = aliases[subject][0] if subject in aliases else subject
    if told["object_id"] and (object_ := UUID(told["object_id"])) in aliases:
        key = aliases[object_][1]
    many = told["cardinality"] != "single"
    slot = slot_of(reflection_id, subject, told["predicate"], key if many else None)
    at = instants(told["at"], None)[0] if told["at"] else None
    says = f"{told['subject']} {told['predicate']} {told['object']}"
    return Expected(slot, key, at, f"{says} at {told['at']}" if told["at"] else says)


def rankings(rows: Iterable[tuple[Any, ...]]) -> tuple[dict[int, Rankings], dict[int, dict[int, Rankings]]]:
    """What the store finds for each question, and what each batch would add, out of the rows of sql/golden.sql."""
    found: dict[int, Rankings] = {}
    fresh: dict[int, dict[int, Rankings]] = defaultdict(dict)
    for kind, by_words, question_id, id_, batch_id, text_hash, distance, _ in rows:
        if kind == "store":
            found.setdefault(question_id, ([], []))[by_words].append(Candidate(distance, id_, text_hash, batch_id))
        elif kind == "fresh":
            mine = fresh[batch_id].setdefault(question_id, ([], []))
            mine[by_words].append(Candidate(distance, NEW + id_, text_hash, batch_id))
    for both in found.values():
        for ranking in both:
            ranking.sort()
    return found, fresh
