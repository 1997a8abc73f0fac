"""What it costs to ask what was known at an earlier moment, of a million fact versions with their evidence."""

import os
import random
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import quantiles

from django.db import transaction

from benchmarks.effort import ran_ms
from benchmarks.filling import empty
from benchmarks.report import Report
from handoffs.models import Reflection, Source
from ingestion.connectors import DEFAULT
from ledger import statements
from patches.facts import View, facts

BUDGET_MS = 5.0
ROUNDS = 4  # times that each version was revised
BATCHES = 2_500  # of each round
SHOWN = 100
WARM = 50
SEED = 1

# Half of the versions are of single-valued slots with ten periods each, half of people's employers, some of which
# employ thousands. Each round of batches supersedes the one before: three of four versions are closed.
FILL = (
    "SET LOCAL session_replication_role = replica",
    """INSERT INTO patches_applytransaction (seq, reflection_id, at)
       SELECT s, %(reflection)s, timestamptz '2020-01-01' + s * interval '1 hour'
       FROM generate_series(1, %(seqs)s) s""",
    """INSERT INTO patches_patchbatch (id, reflection_id, source_id, content_hash, recipe, title, digest,
                                       approved_digest, status, reason)
       SELECT s, %(reflection)s, %(source)s, encode(sha256(s::text::bytea), 'hex'), 'r', 'document ' || s, 'd', 'd',
              CASE WHEN s > %(seqs)s - %(batches)s THEN 'applied' ELSE 'superseded' END, 'applied'
       FROM generate_series(1, %(seqs)s) s""",
    """INSERT INTO patches_batchlife (batch_id, sys)
       SELECT s, int8range(s, CASE WHEN s <= %(seqs)s - %(batches)s THEN s + %(batches)s END)
       FROM generate_series(1, %(seqs)s) s""",
    """INSERT INTO patches_entity (id, reflection_id, type, key, name)
       SELECT md5('organization' || n)::uuid, %(reflection)s, 'organization', 'organization ' || n, 'Organization ' || n
       FROM generate_series(1, %(slots)s) n UNION ALL
       SELECT md5('person' || n)::uuid, %(reflection)s, 'person', 'person ' || n, 'Person ' || n
       FROM generate_series(1, %(slots)s * 10) n""",
    """CREATE TEMPORARY TABLE version ON COMMIT DROP AS
       SELECT *, 1 + round * %(batches)s + ('x' || left(slot::text, 7))::bit(28)::int %% %(batches)s AS seq FROM (
         SELECT md5('led_by' || n)::uuid AS slot, md5('organization' || n)::uuid AS subject, 'led_by' AS predicate,
                md5('person' || (n * 10 + k))::uuid AS object, 'person ' || (n * 10 + k) AS key, k, round
         FROM generate_series(1, %(slots)s) n, generate_series(0, 9) k, generate_series(0, %(rounds)s - 1) round
         UNION ALL
         SELECT md5('works_for' || n)::uuid, md5('person' || n)::uuid, 'works_for',
                md5('organization' || employer)::uuid, 'organization ' || employer, n %% 10, round
         FROM generate_series(1, %(slots)s * 10) n, generate_series(0, %(rounds)s - 1) round,
              LATERAL (SELECT 1 + floor(power(%(slots)s, (n::bigint * 7919 %% 10007) / 10007.0))::int AS employer) e
       ) v""",
    """INSERT INTO patches_fact (reflection_id, slot, subject_id, predicate_id, object_entity_id, object_text,
                                 object_key, valid, precision, basis, sys)
       SELECT %(reflection)s, slot, subject, predicate, object, key, key,
              tstzrange(timestamptz '1970-01-01' + (k * 5 || ' years')::interval,
                        timestamptz '1970-01-01' + (k * 5 + 5 || ' years')::interval),
              'year', 'stated', int8range(seq, CASE WHEN round < %(rounds)s - 1 THEN seq + %(batches)s END)
       FROM version ORDER BY seq, slot""",
    """INSERT INTO patches_assertion (reflection_id, batch_id, n, slot, subject_id, predicate_id, object_entity_id,
                                      object_text, object_key, valid, precision, basis, quote, start, "end", live)
       SELECT %(reflection)s, seq, row_number() OVER (PARTITION BY seq), slot, subject, predicate, object, key, key,
              tstzrange(timestamptz '1970-01-01' + (k * 5 || ' years')::interval,
                        timestamptz '1970-01-01' + (k * 5 + 5 || ' years')::interval),
              'year', 'stated', 'So it was.', 0, 10, round = %(rounds)s - 1
       FROM version ORDER BY seq, slot""",
)
TABLES = ("applytransaction", "patchbatch", "batchlife", "entity", "fact", "assertion")


@dataclass(frozen=True)
class AsOf:
    """Milliseconds from the call to its answer; `cpu` is the CPU time of this process and its backend."""

    versions: int
    questions: int
    answered: int
    facts: int
    p50: float
    p95: float
    p99: float
    cpu_p95: float


def measure(report: Report, *, versions: int, questions: int) -> None:
    """Fill the store, ask it about random moments of both clocks, and leave it empty."""
    empty()
    slots = versions // (2 * 10 * ROUNDS)
    began = time.perf_counter()
    reflection = Reflection.objects.create(name="bench")
    try:
        _fill(reflection, slots)
        print(f"as of: {versions} fact versions, filled in {time.perf_counter() - began:.0f} s", flush=True)
        found = _ask(reflection.pk, slots, questions, versions)
    finally:
        empty()
    report.as_of = asdict(found)
    verdict = "met" if found.p95 <= BUDGET_MS else "MISSED"
    print(
        f"  {found.questions} questions, {found.answered} answered, {found.facts / found.questions:.1f} facts each\n"
        f"  p50 {found.p50:.2f} ms, p95 {found.p95:.2f} ms (budget ≤ {BUDGET_MS:g}: {verdict}), "
        f"p99 {found.p99:.2f} ms; of CPU time p95 {found.cpu_p95:.2f} ms",
        flush=True,
    )


def _fill(reflection: Reflection, slots: int) -> None:
    source = Source.objects.create(reflection=reflection, name="bench", kind=DEFAULT)
    values = {"reflection": reflection.pk, "source": source.pk, "slots": slots, "rounds": ROUNDS, "batches": BATCHES}
    with transaction.atomic(durable=True):
        for statement in FILL:
            statements.run(statement, {**values, "seqs": ROUNDS * BATCHES})
    for table in TABLES:
        statements.run(f"VACUUM (ANALYZE) patches_{table}")  # as autovacuum does after such a load


def _ask(reflection_id: int, slots: int, questions: int, versions: int) -> AsOf:
    """A third each: who led an organisation, all about a person, all about an organisation."""
    chance = random.Random(SEED)  # noqa: S311  a seed, not a secret
    [(backend,)] = statements.rows("SELECT pg_backend_pid()")
    processes = (os.getpid(), backend)
    took: list[float] = []
    cpu: list[float] = []
    answered = shown = 0
    for number in range(WARM + questions):
        kind = ("led_by", "person", "organization")[number % 3]
        name = "person" if kind == "person" else "organization"
        [(entity,)] = statements.rows(
            "SELECT md5(%s)::uuid", [f"{name}{chance.randint(1, slots * (10 if name == 'person' else 1))}"]
        )
        year = datetime(chance.randint(1970, 2019), 1, 1, tzinfo=UTC)
        view = View(valid=(year, year.replace(year=year.year + 1)), known_at=chance.randint(1, ROUNDS * BATCHES))
        ran, began = ran_ms(processes), time.perf_counter()
        found = facts(
            reflection_id, about=[entity], predicate="led_by" if kind == "led_by" else None, seen=view, limit=SHOWN
        )
        ms = 1000 * (time.perf_counter() - began)
        if number >= WARM:
            took.append(ms)
            cpu.append(ran_ms(processes) - ran)
            answered += bool(found)
            shown += len(found)
    cuts = quantiles(took, n=100)
    return AsOf(versions, questions, answered, shown, cuts[49], cuts[94], cuts[98], quantiles(cpu, n=100)[94])
