"""What no lifecycle has and no store may hold is refused by the database, whoever writes."""

from collections.abc import Callable
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, models, transaction

from handoffs.lifecycles import HANDOFF
from ingestion.lifecycles import FLIGHT, RUN
from ledger.lifecycle import Lifecycle
from patches.lifecycles import BATCH
from patches.models import Entity, Fact
from tests.builders import make_batch, make_flight, make_handoff, make_reflection, make_run, make_source

pytestmark = pytest.mark.django_db

MAKERS: list[tuple[Lifecycle, Callable[..., models.Model]]] = [
    (HANDOFF, make_handoff),
    (RUN, make_run),
    (FLIGHT, make_flight),
    (BATCH, make_batch),
]
REFUSED = [
    pytest.param(make, was, to, id=f"{table.name}:{was}-{to}")
    for table, make in MAKERS
    for was, to in product(sorted(table.states), repeat=2)
    if was != to and to not in table.steps.get(was, ())
]


def sql(statement: str, **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def refuses(rule: str):
    return pytest.raises(DatabaseError, match=rule)


@pytest.mark.parametrize(("make", "was", "to"), REFUSED)
def test_a_step_that_its_lifecycle_lacks_is_refused(make, was, to):
    row = make(status=was)
    with refuses("Invalid transition"):
        sql(f"UPDATE {row._meta.db_table} SET status = %(to)s WHERE id = %(id)s", to=to, id=row.pk)  # noqa: S608


FLIGHT_INSERT = """
INSERT INTO ingestion_flight (source_id, status, reason, stage, fence, worker, lease_until, runs_aboard, size_bytes)
VALUES (%(source)s, %(status)s, 'admitted', 'fetch', %(fence)s, '', now() + %(lease)s * interval '1 s', 1, 1)
"""


def fly(**fields: Any) -> int:
    return sql(FLIGHT_INSERT, **{"source": make_source().pk, "status": "open", "fence": 0, "lease": 60} | fields)


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("open_flight_has_a_lease", {"lease": None}),
        ("open_flight_has_a_lease", {"status": "landed"}),
        ("flight_status_is_known", {"status": "parked", "lease": None}),
        ("ingestion_flight_fence_check", {"fence": -1}),
        ("foreign key", {"source": 0}),
        ("not-null", {"source": None}),
    ],
)
def test_a_flight_is_not_written_without_what_makes_it_one(rule, fields):
    assert fly() == 1
    with refuses(rule):
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        fly(**fields)


FACT_INSERT = """
INSERT INTO patches_fact (reflection_id, slot, subject_id, predicate_id, object_text, object_key, valid, precision,
                          basis, sys)
VALUES (%(reflection)s, %(slot)s, %(subject)s, 'led_by', 'Ann', 'ann', %(valid)s, 'year', 'stated', %(sys)s)
"""
SINCE_2011, UNTIL_2011, STAY = "[2011-01-01,)", "[,2011-01-01)", "[2010-01-01,2012-01-01)"


@pytest.fixture
def tell() -> Callable[..., int]:
    """Writes a fact about one slot; true since 2011, known since number 1, where nothing else is said."""
    reflection = make_reflection()
    subject = Entity.objects.create(id=uuid4(), reflection=reflection, type="organization", key="acme", name="Acme")
    told = {"reflection": reflection.pk, "slot": uuid4(), "subject": subject.pk, "valid": SINCE_2011, "sys": "[1,)"}
    return lambda **fields: sql(FACT_INSERT, **told | fields)


@pytest.mark.parametrize("valid", [SINCE_2011, STAY, "(,)"])
def test_two_open_versions_of_a_slot_never_overlap(tell, valid):
    tell(valid=UNTIL_2011)
    tell(valid=valid, sys="[1,7)")  # what was known once may overlap
    tell()
    with refuses("open_versions_do_not_overlap"):
        tell(valid=valid, sys="[7,)")


@pytest.mark.parametrize("empty", ["valid", "sys"])
def test_a_fact_that_never_holds_or_was_never_known_is_refused(tell, empty):
    with refuses("fact_ranges_not_empty"):
        tell(**{empty: "empty"})


@pytest.mark.parametrize(
    "change",
    [
        "object_key = 'bob'",
        "valid = '[2012-01-01,)'",
        "slot = gen_random_uuid()",
        "precision = 'day'",
        "sys = '[2,)'",
        "sys = '[2,7)'",
        "sys = '[1,7)', object_text = 'Bob'",
    ],
)
def test_a_fact_version_changes_in_nothing_but_its_closing(tell, change):
    tell()
    with refuses("can only be closed"), transaction.atomic():
        sql(f"UPDATE patches_fact SET {change}")  # noqa: S608
    assert sql("UPDATE patches_fact SET sys = '[1,7)'") == 1


def test_a_closed_fact_version_is_neither_opened_nor_closed_again(tell):
    tell(sys="[1,7)")
    for deed in ("UPDATE patches_fact SET sys = '[1,)'", "UPDATE patches_fact SET sys = '[1,9)'"):
        with refuses("can only be closed"), transaction.atomic():
            sql(deed)
    assert Fact.objects.get().sys.upper == 7
