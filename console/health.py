"""Whether what Sluicegate stands on works, each part looked at within a bounded time, and what to do where not."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from handoffs import payloads, sealing
from handoffs.models import Source
from ingestion.connectors import connect
from ingestion.depths import queue
from ingestion.duty import DUTY_LOCK
from ledger import statements
from ledger.failures import Failure

CHECK_S = 5.0  # the longest that one check may take
EXTENSIONS = frozenset({"vector", "btree_gist"})
LONG_TRANSACTION_S = 300
BLOATED = 0.5  # of a table's rows dead
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 1024**3, 0.05
ERROR_CHARS = 200

TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND xact_start < now() - %(long)s * interval '1 s' AND pid <> pg_backend_pid()
"""
BLOAT = """
SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_stat_user_tables
WHERE n_dead_tup > 100000 AND n_dead_tup > %(share)s * (n_live_tup + n_dead_tup)
"""
ON_DUTY = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %(lock)s AND granted)"


@dataclass(frozen=True)
class Finding:
    """What one check found. `remedy` is empty when all is well; `must` says that nothing works without it."""

    name: str
    ok: bool
    says: str
    remedy: str = ""
    must: bool = False


Check = Callable[[], Finding]


def database() -> Finding:
    [(version,)] = statements.rows("SHOW server_version")
    found = {name for (name,) in statements.rows("SELECT extname FROM pg_extension")}
    if missing := EXTENSIONS - found:
        remedy = f"CREATE EXTENSION {', '.join(sorted(missing))} as a superuser"
        return Finding("database", False, f"PostgreSQL {version} lacks {', '.join(sorted(missing))}", remedy, must=True)
    return Finding("database", True, f"PostgreSQL {version}", must=True)


def schema() -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        return Finding("schema", False, f"{len(plan)} migrations are missing", "manage.py migrate", must=True)
    return Finding("schema", True, "up to date", must=True)


def upkeep() -> Finding:
    [(transactions,)] = statements.rows(TRANSACTIONS, {"long": LONG_TRANSACTION_S})
    [(tables,)] = statements.rows(BLOAT, {"share": BLOATED})
    if transactions:
        says = f"{transactions} transactions are open for more than {LONG_TRANSACTION_S} s"
        return Finding("upkeep", False, says, "look into pg_stat_activity; end what nobody waits for")
    if tables:
        return Finding("upkeep", False, f"more dead rows than live ones in {tables}", f"VACUUM ANALYZE {tables}")
    return Finding("upkeep", True, "no long transaction, no bloat")


def broker() -> Finding:
    remedy = "start it, or correct REDIS_URL; nothing is lost while it is away"
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
            version = client.info("server").get("redis_version", "")
            policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except redis.RedisError as problem:
        return Finding("broker", False, f"no answer: {type(problem).__name__}", remedy, must=True)
    if policy != "noeviction":
        return Finding("broker", False, f"it may drop messages: {policy}", "CONFIG SET maxmemory-policy noeviction")
    return Finding("broker", True, f"answers, version {version}", must=True)


def dispatcher() -> Finding:
    [(on_duty,)] = statements.rows(ON_DUTY, {"lock": DUTY_LOCK})
    if on_duty:
        return Finding("dispatcher", True, "one is on duty")
    return Finding(
        "dispatcher", False, "none is on duty: nothing new is begun", "manage.py up, or manage.py dispatcher"
    )


def workers() -> Finding:
    """Progress while work is ready, not mere presence: a flight that was rung for is taken up within a lease."""
    seen = queue()
    silent = [flight for flight in seen.flights if flight.lease_s < 0]
    if silent:
        says = f"{len(silent)} open flights are taken by nobody or were lost"
        return Finding("workers", False, says, "manage.py queue; start a worker, or look at its log")
    if seen.starved:
        says = f"{', '.join(line.source for line in seen.starved)} waits, and nothing of it is under way"
        return Finding("workers", False, says, "manage.py queue; manage.py explain RUN")
    return Finding("workers", True, f"{len(seen.flights)} flights under way, none of them silent")


def disk() -> Finding:
    usage = shutil.disk_usage(settings.STATE_DIR)
    says = f"{usage.free / 1024**3:.1f} GiB free for payloads"
    if usage.free < min(LEAST_FREE_BYTES, LEAST_FREE_SHARE * usage.total):
        return Finding("disk", False, says, "free some, or move SLUICEGATE_STATE_DIR to a larger disk")
    return Finding("disk", True, says)


def payload_store() -> Finding:
    data = secrets.token_bytes(64)
    payload_hash = payloads.put(data)
    sound = payloads.get(payload_hash) == data
    payloads.store().delete(payloads.path_of(payload_hash))
    if sound:
        return Finding("payloads", True, "written, read and deleted", must=True)
    return Finding("payloads", False, "what was read is not what was written", "check the disk", must=True)


def vectors() -> Finding:
    statements.rows("SELECT '[1,0]'::vector <=> '[0,1]'::vector")
    return Finding("vectors", True, "pgvector answers")


def source(of: Source) -> Finding:
    """Whether the source answers with its key, asked now."""
    name = f"source {of}"
    if of.paused:
        return Finding(name, False, f"paused: {of.paused_why or 'by an operator'}", f"manage.py sources resume {of}")
    try:
        says = connect(of.kind, of.options, sealing.reveal(of.pk)).check()
    except Failure as failure:
        return Finding(
            name, False, f"{failure.reason.label}: {failure.detail}"[:ERROR_CHARS], "mend its address or key"
        )
    return Finding(name, True, says)


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (database, schema, upkeep, broker, dispatcher, workers, disk, payload_store, vectors)
}
READY = ("database", "schema", "broker")


def look(
    names: Iterable[str] = tuple(CHECKS), *, sources: Iterable[Source] = (), within_s: float = CHECK_S
) -> list[Finding]:
    """Run the checks side by side, none for longer than `within_s`; one that takes longer, or breaks, is a finding."""
    checks = {name: CHECKS[name] for name in names} | {f"source {one}": partial(source, one) for one in sources}
    pool = ThreadPoolExecutor(max_workers=max(1, len(checks)))
    try:
        asked = {name: pool.submit(_alone, check, within_s) for name, check in checks.items()}
        deadline = time.monotonic() + within_s
        return [_found(name, future.result, deadline) for name, future in asked.items()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _alone(check: Check, within_s: float) -> Finding:
    """In a thread: with a connection of its own, which gives up when the time is over."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {int(within_s * 1000)}")
        return check()
    finally:
        connection.close()


def _found(name: str, result: Callable[[float], Finding], deadline: float) -> Finding:
    must = name in READY
    try:
        return result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return Finding(name, False, "no answer in time", "see what it waits for; its log tells more", must=must)
    except DatabaseError as problem:
        remedy = "start PostgreSQL, or correct DATABASE_URL"
        return Finding(name, False, f"the database does not answer: {type(problem).__name__}", remedy, must=must)
    except Exception as problem:
        return Finding(name, False, f"the check broke: {type(problem).__name__}", "look into the log", must=must)
