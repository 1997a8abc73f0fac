"""A store in which a million runs have ended, and some wait: rows in every table that the console lists, by SQL."""

from typing import Any

from benchmarks.filling import bulk, empty
from handoffs.models import Reflection, Source
from ingestion.connectors import DEFAULT

SOURCES = 50
DAYS = 30
# What becomes of a hundred runs: how many, the run, its handoff, why, at which stage, and of its batch, if it has one.
OUTCOMES = (
    (80, "completed", "ingested", "applied", "apply", "applied"),
    (5, "duplicate_skipped", "skipped", "already_applied", "chunk", None),
    (3, "eval_rejected", "rejected", "gate_rejected", "eval", "rejected"),
    (2, "failed", "failed", "corrupt", "fetch", None),
    (1, "failed", "failed", "too_large", "fetch", None),
    (1, "failed", "failed", "discarded", "embed", None),
    (2, "quarantined", "failed", "io_error", "fetch", None),
    (1, "quarantined", "failed", "unexpected", "fact", None),
    (1, "quarantined", "failed", "crashed", "embed", None),
    (1, "cancelled", "cancelled", "cancelled", "chunk", None),
    (1, "in_review", "ingesting", "needs_review", "eval", "in_review"),
    (1, "retry_wait", "ingesting", "remote_unavailable", "embed", None),
    (1, "pending", "ingesting", "released", "fact", None),
)
# A few sources have most of the work, as in Zipf's law. The rows are legal by construction: no trigger looks at each.
FILL = (
    "SET LOCAL session_replication_role = replica",
    """CREATE TEMPORARY TABLE made ON COMMIT DROP AS
       SELECT n, md5('item' || n)::uuid AS reference, encode(sha256(n::text::bytea), 'hex') AS hash,
              %(first)s + floor(power(%(sources)s, (n::bigint * 7919 %% 10007) / 10007.0))::int - 1 AS source,
              now() - (%(runs)s - n) * %(days)s * interval '1 day' / %(runs)s AS at, o.*
       FROM generate_series(1, %(runs)s) n
       JOIN unnest(%(places)s::int[], %(statuses)s::text[], %(handoffs)s::text[], %(reasons)s::text[],
                   %(stages)s::text[], %(batches)s::text[])
            AS o(place, status, handoff, reason, stage, batch) ON place = n * 37 %% 100""",
    "INSERT INTO handoffs_payload (payload_hash, size_bytes, created_at) SELECT hash, 1000, at FROM made",
    """INSERT INTO handoffs_reference (id, source_id, external_id, media_type, seen_signature, seen_payload_id, seen_at,
                                       applied_payload_id, applied_content_hash, applied_at, gone_at, reason, metadata)
       SELECT reference, source, 'folder-' || n %% 1000 || '/item-' || n || '.txt', 'text/plain', '1', hash, at,
              CASE WHEN status = 'completed' THEN hash END, '', CASE WHEN status = 'completed' THEN at END,
              CASE WHEN n %% 100 = 7 THEN at END, '', '{}' FROM made""",
    """INSERT INTO handoffs_handoff (id, reference_id, payload_id, source_id, size_bytes, priority, status, reason,
                                     opened, since, created_at)
       SELECT n, reference, hash, source, 1000, 1, handoff, CASE WHEN handoff = 'ingesting' THEN 'admitted' ELSE reason
              END, 1, at, at FROM made ORDER BY n""",
    """INSERT INTO ingestion_flight (id, source_id, status, reason, stage, fence, worker, runs_aboard, size_bytes,
                                     since)
       SELECT n / 64, min(source), 'landed', 'applied', 'apply', 7, '', 64, 64000, min(at) FROM made
       WHERE n >= 64 GROUP BY 1 ORDER BY 1""",
    """INSERT INTO patches_patchbatch (id, reflection_id, source_id, content_hash, recipe, title, digest,
                                       approved_digest, status, reason, since)
       SELECT n, %(reflection)s, source, hash, 'r', 'Document ' || n, 'd',
              CASE WHEN batch = 'applied' THEN 'd' END, batch, reason, at
       FROM made WHERE batch IS NOT NULL ORDER BY n""",
    """INSERT INTO ingestion_ingestrun (id, handoff_id, reflection_id, source_id, idempotency_key, priority, status,
                                        reason, stage, flight_id, attempts, deliveries, crashes, failure, detail,
                                        next_attempt_at, content_hash, duplicate_of_id, batch_id, since, created_at)
       SELECT n, n, %(reflection)s, source, n || ':1', 1, status, reason, stage,
              CASE WHEN n >= 64 THEN n / 64 END, 1, 2, 0, '', '',
              CASE WHEN status IN ('pending', 'retry_wait') THEN at END, hash,
              CASE WHEN status = 'duplicate_skipped' THEN n - 1 END, CASE WHEN batch IS NOT NULL THEN n END,
              at, at FROM made ORDER BY n""",
    """INSERT INTO ingestion_quarantine (run_id, stage, failure, fingerprint, exception, traceback)
       SELECT n, stage, CASE reason WHEN 'io_error' THEN 'transient' WHEN 'crashed' THEN 'crash' ELSE 'unexpected' END,
              left(md5(reason || n %% 20), 16), CASE WHEN reason = 'unexpected' THEN 'ValueError' ELSE '' END, ''
       FROM made WHERE status = 'quarantined' ORDER BY n""",
    """INSERT INTO ingestion_stageoutput (run_id, stage, recipe, data, created_at)
       SELECT n, 'fetch', 'reading/1', '{"text": "told"}', at + interval '1 s' FROM made ORDER BY n""",
    """INSERT INTO ledger_event (lifecycle, row_id, was, became, reason, by, at)
       SELECT lifecycle, n, was, became, why, 'worker@host', at + shift
       FROM made CROSS JOIN LATERAL (VALUES
         ('handoff', 'queued', 'ingesting', 'started', interval '0'),
         ('run', 'pending', 'running', 'started', interval '0'),
         ('run', 'running', status, reason, n %% 60 * interval '0.1 s'),
         ('handoff', 'ingesting', handoff, reason, n %% 60 * interval '0.1 s'))
         AS e(lifecycle, was, became, why, shift)
       ORDER BY n, shift""",
    """INSERT INTO patches_verdict (batch_id, digest, decision, policy, checks, rejected, held, at)
       SELECT n, 'd', CASE batch WHEN 'applied' THEN 'approve' WHEN 'rejected' THEN 'reject' ELSE 'review' END,
              'default-1', '{}', '{}', '{}', at FROM made WHERE batch IS NOT NULL ORDER BY n""",
    """INSERT INTO patches_carrier (reference_id, batch_id) SELECT reference, n FROM made WHERE batch = 'applied'""",
    """INSERT INTO patches_referenceversion (reference_id, batch_id, payload_id)
       SELECT reference, n, hash FROM made WHERE batch = 'applied' ORDER BY n""",
    """INSERT INTO patches_patch (batch_id, n, op, payload)
       SELECT n, 1, 'assert_fact', jsonb_build_object('subject', 'Office ' || n, 'predicate', 'led_by', 'object',
              'Person ' || n, 'quote', 'So it was.', 'from', '2020', 'to', null)
       FROM made WHERE batch IS NOT NULL ORDER BY n""",
    """INSERT INTO patches_applytransaction (seq, reflection_id, at)
       SELECT n, %(reflection)s, at FROM made WHERE batch = 'applied' ORDER BY n""",
    """INSERT INTO patches_batchlife (batch_id, sys)
       SELECT n, int8range(n, NULL) FROM made WHERE batch = 'applied' ORDER BY n""",
    """INSERT INTO patches_entity (id, reflection_id, type, key, name)
       SELECT md5(type || n)::uuid, %(reflection)s, type, type || ' ' || n, initcap(type) || ' ' || n
       FROM made, unnest(ARRAY['organization', 'person']) type WHERE batch = 'applied' AND n %% 4 = 0""",
    """INSERT INTO patches_fact (reflection_id, slot, subject_id, predicate_id, object_entity_id, object_text,
                                 object_key, valid, precision, basis, sys)
       SELECT %(reflection)s, md5('slot' || n)::uuid, md5('organization' || n)::uuid, 'led_by',
              md5('person' || n)::uuid, 'Person ' || n, 'person ' || n, tstzrange('2020-01-01', NULL), 'year',
              'stated', int8range(n, NULL) FROM made WHERE batch = 'applied' AND n %% 4 = 0 ORDER BY n""",
    """INSERT INTO patches_assertion (reflection_id, batch_id, n, slot, subject_id, predicate_id, object_entity_id,
                                      object_text, object_key, valid, precision, basis, quote, start, "end", live)
       SELECT %(reflection)s, n, 1, md5('slot' || n)::uuid, md5('organization' || n)::uuid, 'led_by',
              md5('person' || n)::uuid, 'Person ' || n, 'person ' || n, tstzrange('2020-01-01', NULL), 'year',
              'stated', 'So it was.', 0, 10, true FROM made WHERE batch = 'applied' AND n %% 4 = 0 ORDER BY n""",
    # What is rolled up of it, of each source and of all: minutes of two days, hours and days of all of them.
    """INSERT INTO console_tally (span, at, lifecycle, source_id, became, reason, times)
       SELECT span, date_bin(span * interval '1 s', at, 'epoch'), lifecycle, source, became, reason, count(*)
       FROM made CROSS JOIN (VALUES (60), (3600), (86400)) s(span)
       CROSS JOIN LATERAL (VALUES ('run', status), ('handoff', handoff)) l(lifecycle, became)
       WHERE span > 60 OR at > now() - interval '2 days'
       GROUP BY GROUPING SETS ((1, 2, 3, 4, 5, 6), (1, 2, 3, 5, 6))""",
    """INSERT INTO console_latency (span, at, source_id, stage, bucket, times)
       SELECT span, date_bin(span * interval '1 s', at, 'epoch'), source, name, 20 + n::bigint * 7919 %% 17, count(*)
       FROM made CROSS JOIN (VALUES (60), (3600), (86400)) s(span)
       CROSS JOIN unnest(ARRAY['fetch', 'chunk', 'embed', 'entity', 'fact', 'eval', 'apply']) name
       WHERE n %% 5 = 0 AND (span > 60 OR at > now() - interval '2 days')
       GROUP BY GROUPING SETS ((1, 2, 3, 4, 5), (1, 2, 4, 5))""",
    """INSERT INTO console_usage (span, at, source_id, stage, visits, runs, items, size_bytes, waited_s, took_s, cpu_s,
                                 peak_bytes)
       SELECT span, date_bin(span * interval '1 s', at, 'epoch'), source, name, count(*), count(*), count(*),
              1000 * count(*), count(*) * 0.1, count(*) * 0.01, count(*) * 0.01, 500000000
       FROM made CROSS JOIN (VALUES (60), (3600), (86400)) s(span)
       CROSS JOIN unnest(ARRAY['fetch', 'chunk', 'embed', 'entity', 'fact', 'eval', 'apply']) name
       WHERE span > 60 OR at > now() - interval '2 days' GROUP BY GROUPING SETS ((1, 2, 3, 4), (1, 2, 4))""",
    "INSERT INTO console_newest (source_id, at) SELECT source, max(at) FROM made GROUP BY 1",
    """INSERT INTO console_gauge (at, waiting, oldest_s, flights, quarantined, in_review)
       SELECT minute, 10, 5, 3, 100, 10
       FROM generate_series(date_trunc('minute', now()) - %(days)s * interval '1 day', now(), '1 minute') minute""",
    """INSERT INTO console_backlog (span, at, source_id, waiting, oldest_s)
       SELECT DISTINCT span, date_bin(span * interval '1 s', minute, 'epoch'), source, 10, 5
       FROM generate_series(now() - %(days)s * interval '1 day', now(), '1 minute') minute
       CROSS JOIN (VALUES (60), (3600), (86400)) s(span)
       CROSS JOIN generate_series(%(first)s, %(first)s + %(sources)s - 1) source
       WHERE span > 60 OR minute > now() - interval '2 days'""",
)
TABLES = (
    *(f"handoffs_{name}" for name in ("payload", "reference", "handoff")),
    *(f"ingestion_{name}" for name in ("ingestrun", "quarantine", "stageoutput")),
    "ledger_event",
    *(f"patches_{name}" for name in ("patchbatch", "verdict", "carrier", "referenceversion", "patch")),
    *(f"patches_{name}" for name in ("applytransaction", "batchlife", "entity", "fact", "assertion")),
)


def fill(runs: int) -> None:
    """Leave `runs` runs in the store, with all that hangs on them, over the last DAYS days, and summed up."""
    empty()
    reflection = Reflection.objects.create(name="bench")
    sources = Source.objects.bulk_create(
        Source(reflection=reflection, name=f"source {n}", kind=DEFAULT) for n in range(SOURCES)
    )
    spread = [outcome for outcome in OUTCOMES for _ in range(outcome[0])]
    columns = ("statuses", "handoffs", "reasons", "stages", "batches")
    values: dict[str, Any] = {name: [one[n] for one in spread] for n, name in enumerate(columns, 1)}
    values |= {"places": list(range(100)), "reflection": reflection.pk, "first": sources[0].pk, "sources": SOURCES}
    bulk(FILL, {**values, "runs": runs, "days": DAYS}, TABLES)
