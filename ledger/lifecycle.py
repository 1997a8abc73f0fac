"""State machines as tables, and the one function that moves rows along them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pgtrigger
from django.core.exceptions import EmptyResultSet
from django.db import connection, models, transaction

from ledger.reasons import Reason

M = TypeVar("M", bound=models.Model)

# Lock in id order, update what is still in its expected state, write the events: one statement.
# After a lock wait PostgreSQL looks again at the locked row, so `found` holds what is true now.
STEP = """
found_{i} (pk, was) AS MATERIALIZED ({found}),
moved_{i} AS (
  UPDATE {table} t SET {assignments}, status = %s, since = now()
  FROM found_{i} f WHERE t.{pk} = f.pk
  RETURNING t.{pk} AS id, f.was, t.reason AS reason
),
noted_{i} AS (
  INSERT INTO ledger_event (at, lifecycle, row_id, was, became, reason, by, note)
  SELECT now(), %s, id, was, %s, reason, %s, %s FROM moved_{i}
)"""


@dataclass(frozen=True)
class FromNow:
    """A time for a column, counted from the database's clock: no worker's clock decides when something is due."""

    seconds: float = 0


@dataclass(frozen=True)
class Step:
    """One move, ready to be taken; made by Lifecycle.step, taken by `take`."""

    found: str
    table: str
    pk: str
    assignments: str
    parameters: list[Any]


@dataclass(frozen=True)
class Aside:
    """An INSERT, UPDATE or DELETE that goes along with the steps, in the same statement. Sees what they see."""

    sql: str
    parameters: list[Any]


def take(*steps: Step, aside: Aside | None = None) -> list[list[int]]:
    """Take the steps in one statement; return for each the ids that moved, in order.

    The steps see the same snapshot, so they must not concern the same rows.
    """
    parts = [
        STEP.format(i=i, found=step.found, table=step.table, pk=step.pk, assignments=step.assignments)
        for i, step in enumerate(steps)
    ]
    parameters = [p for step in steps for p in step.parameters]
    if aside:
        parts.append(f"aside AS ({aside.sql})")
        parameters += aside.parameters
    answers = " UNION ALL ".join(f"SELECT {i}, id FROM moved_{i}" for i in range(len(steps)))  # noqa: S608
    moved: list[list[int]] = [[] for _ in steps]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {','.join(parts)} {answers} ORDER BY 1, 2", parameters)
        for i, pk in cursor.fetchall():
            moved[i].append(pk)
    return moved


@dataclass(frozen=True)
class Lifecycle:
    """Which status may follow which. A status without a line of its own is final."""

    name: str
    steps: Mapping[str, frozenset[str]]

    @property
    def states(self) -> frozenset[str]:
        return frozenset(self.steps) | frozenset(to for nexts in self.steps.values() for to in nexts)

    @property
    def final(self) -> frozenset[str]:
        return self.states - frozenset(self.steps)

    def pairs(self) -> list[tuple[str, str]]:
        return [(was, to) for was, nexts in sorted(self.steps.items()) for to in sorted(nexts)]

    def move(
        self,
        rows: models.QuerySet[M],
        *,
        was: Collection[str],
        to: str,
        reason: Reason | Mapping[int, Reason],
        by: str,
        note: str = "",
        **changes: Any,
    ) -> list[int]:
        """Move those of `rows` that are still in `was` to `to`, write one event each, return the ids moved.

        An id missing from the answer was moved by someone else: leave it alone. One statement, whatever the number
        of rows; locks in id order, so two movers never deadlock. `reason` and each of `changes` is one value for all
        rows, or a mapping from id to value; `note` is why, in a person's words. Raises ValueError for a step that the
        table lacks.
        """
        self._check(was, to)
        with transaction.atomic(savepoint=False):
            [moved] = take(self.step(rows, was=was, to=to, reason=reason, by=by, note=note, **changes))
        return moved

    def step(
        self,
        rows: models.QuerySet[M],
        *,
        was: Collection[str],
        to: str,
        reason: Reason | Mapping[int, Reason],
        by: str,
        note: str = "",
        **changes: Any,
    ) -> Step:
        """Prepare a move as `move` does it, to be taken together with others. Needs a transaction."""
        self._check(was, to)
        locking = rows.filter(status__in=sorted(was)).order_by("pk").select_for_update(of=("self",))
        meta: Any = rows.model._meta
        try:
            found, parameters = locking.values_list("pk", "status").query.sql_with_params()
        except EmptyResultSet:  # Django knows that nothing matches, such as an id in an empty list
            found, parameters = f"SELECT {meta.pk.column}, status FROM {meta.db_table} WHERE false", ()  # noqa: S608
        assignments, values = _assignments(meta, {"reason": reason, **changes})
        return Step(
            found=found,
            table=meta.db_table,
            pk=meta.pk.column,
            assignments=", ".join(assignments),
            parameters=[*parameters, *values, to, self.name, to, by, note],
        )

    def _check(self, was: Collection[str], to: str) -> None:
        if illegal := {status for status in was if to not in self.steps.get(status, ())}:
            raise ValueError(f"{self.name}: no step from {sorted(illegal)} to {to}")

    def guard(self) -> pgtrigger.FSM:
        """The same table as a trigger: the database refuses every other step."""
        return pgtrigger.FSM(
            name=f"{self.name}_steps",
            field="status",
            transitions=self.pairs(),
            condition=pgtrigger.AnyChange("status"),
        )

    def known(self) -> models.CheckConstraint:
        """The same table as a check: the database refuses every other status."""
        return models.CheckConstraint(
            condition=models.Q(status__in=sorted(self.states)), name=f"{self.name}_status_is_known"
        )


def _assignments(meta: Any, changes: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """SQL assignments and their parameters; a mapping becomes a look-up by the row's id."""
    assignments: list[str] = []
    values: list[Any] = []
    for name, value in changes.items():
        field = meta.get_field(name)
        each = value if isinstance(value, Mapping) else None
        if each is not None:
            kind = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
            term = f"(%s::jsonb ->> t.{meta.pk.column}::text)"
            from_now = any(isinstance(item, FromNow) for item in each.values())
            values.append(
                json.dumps({str(key): item.seconds if from_now else item for key, item in each.items()}, default=str)
            )
            term = f"now() + {term}::float * interval '1 s'" if from_now else f"{term}::{kind}"
        elif isinstance(value, FromNow):
            term = "now() + %s * interval '1 s'"
            values.append(value.seconds)
        else:
            term = "%s"
            values.append(field.get_db_prep_save(value, connection))
        assignments.append(f"{field.column} = {term}")
    return assignments, values
