"""Whether what Sluicegate stands on works, each part looked at within a bounded time, and what to do where not."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from threading import Thread
from typing import Any, TypeVar

import httpx
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from handoffs import payloads
from handoffs.models import Source
from ingestion.clock import CLOCK_LOCK
from ingestion.depths import queue
from ingestion.duty import DUTY_LOCK
from ingestion.opening import opened
from ledger import auditlog, statements
from ledger.broker import client
from ledger.failures import Failure

CHECK_S = 5.0  # the longest that one check may take
AT_ONCE = 16  # each has a connection to the database
LATE_S = 60
EXTENSIONS = frozenset({"vector", "btree_gist"})
LONG_TRANSACTION_S = 300
BLOATED = 0.5  # of a table's rows dead
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 1024**3, 0.05
ERROR_CHARS = 200
SEALS_LOOKED_AT, UNSEALED_S = 10, 900

TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND xact_start < now() - %(long)s * interval '1 s' AND pid <> pg_backend_pid()
"""
BLOAT = """
SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_stat_user_tables
WHERE n_dead_tup > 100000 AND n_dead_tup > %(share)s * (n_live_tup + n_dead_tup)
"""
# Times that passed with nobody dealing with them, and syncs that are due with nobody taking them up.
LATE = """
SELECT (SELECT count(*) FROM ingestion_schedule), (
  SELECT count(*) FROM ingestion_schedule c JOIN handoffs_source s ON s.id = c.source_id
  WHERE c.next_at + (c.jitter_s + %(late)s) * interval '1 s' < now())
"""
UNTAKEN = """
SELECT count(*), min(o.next_attempt_at) FROM ingestion_occurrence o JOIN handoffs_source s ON s.id = o.source_id
WHERE o.status = 'due' AND o.next_attempt_at < now() - %(late)s * interval '1 s' AND NOT s.paused AND NOT EXISTS (
  SELECT FROM ingestion_occurrence r WHERE r.source_id = o.source_id AND r.status = 'running' AND r.lease_until > now())
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
T = TypeVar("T")


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
        with client(socket_connect_timeout=1, socket_timeout=1) as asked:
            version = asked.info("server").get("redis_version", "")
            policy = asked.info("memory").get("maxmemory_policy", "noeviction")
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


def syncs() -> Finding:
    """Progress while syncs are due: one that waits for nothing is taken up within a minute."""
    [(count, since)] = statements.rows(UNTAKEN, {"late": LATE_S})
    if count:
        says = f"{count} syncs are due and taken up by nobody, the oldest since {since:%Y-%m-%d %H:%M} UTC"
        return Finding("syncs", False, says, "start a worker of the queue sync, or look at its log; manage.py up does")
    return Finding("syncs", True, "none waits for a worker")


def clock() -> Finding:
    """Whether times are called out, and were: beat holds its lock, and no schedule's next time is long past."""
    [(schedules, late)] = statements.rows(LATE, {"late": LATE_S})
    [(on_duty,)] = statements.rows(ON_DUTY, {"lock": CLOCK_LOCK})
    remedy = "manage.py up, or celery --app config beat; until then the dispatcher makes up for what is missed"
    if late:
        return Finding("clock", False, f"the times of {late} schedules passed, and nobody called them out", remedy)
    if schedules and not on_duty:
        return Finding("clock", False, f"{schedules} schedules, and no clock calls them out", remedy)
    return Finding("clock", True, "one calls out the times" if on_duty else "there is no schedule to call out")


def audit() -> Finding:
    """Whether what happened is being sealed, and the newest seals hold."""
    told, behind_s = auditlog.verify(newest=SEALS_LOOKED_AT), auditlog.behind_s()
    if told.broken:
        says = f"seal {told.broken[0].seal}: {told.broken[0].says}"
        return Finding("audit", False, says, "manage.py auditlog verify; the page on the audit log says what it means")
    if behind_s > UNSEALED_S:
        says = f"the newest events are in no seal, {behind_s / 60:.0f} min after the last one"
        return Finding("audit", False, says, "manage.py dispatcher seals once a minute; manage.py auditlog seal")
    return Finding("audit", True, "sealed, and the newest seals hold")


def models() -> Finding:
    """Whether the endpoints answer that models are asked at; those in this process need none."""
    options = {"embeddings": settings.EMBEDDINGS_OPTIONS, "extractor": settings.EXTRACTOR_OPTIONS}
    asked = {port: given for port, given in options.items() if given.get("url")}
    wrong = {port: said for port, given in asked.items() if (said := _complaint(given))}
    if wrong:
        says = "; ".join(f"{port}: {said}" for port, said in wrong.items())
        remedy = " and ".join(f"SLUICEGATE_{port.upper()}_URL and _KEY" for port in wrong)
        return Finding("models", False, says, f"start the endpoint, or correct {remedy}")
    return Finding("models", True, f"{' and '.join(asked)} answer" if asked else "none but those in the workers")


def _complaint(given: Mapping[str, Any]) -> str:
    """What is wrong with an endpoint; "" for one that answers. Servers that list no models answer 404."""
    key = given["key"]
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        with httpx.stream(
            "GET", f"{str(given['url']).rstrip('/')}/models", headers=headers, timeout=CHECK_S / 4
        ) as said:
            status = said.status_code
    except httpx.HTTPError as problem:
        return f"no answer: {type(problem).__name__}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"the key is refused ({status})"
    return f"answered {status}" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""


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
    payloads.discard(payload_hash)
    if payloads.store().exists(payloads.path_of(payload_hash)):
        return Finding("payload_store", False, "what was deleted is there still", "check the disk", must=True)
    if sound:
        return Finding("payload_store", True, "written, read and deleted", must=True)
    return Finding("payload_store", False, "what was read is not what was written", "check the disk", must=True)


def vectors() -> Finding:
    statements.rows("SELECT '[1,0]'::vector <=> '[0,1]'::vector")
    return Finding("vectors", True, "pgvector answers")


def source(of: Source) -> Finding:
    """Whether the source answers with its key, asked now."""
    name = f"source {of}"
    if of.paused:
        return Finding(name, False, f"paused: {of.paused_why or 'by an operator'}", f"manage.py sources resume {of}")
    try:
        with opened(of) as port:
            says = port.check()
    except Failure as failure:
        return Finding(
            name, False, f"{failure.reason.label}: {failure.detail}"[:ERROR_CHARS], "mend its address or key"
        )
    return Finding(name, True, says)


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        database,
        schema,
        upkeep,
        broker,
        dispatcher,
        workers,
        syncs,
        clock,
        disk,
        payload_store,
        vectors,
        audit,
        models,
    )
}
READY = ("database", "schema", "broker")
WITHOUT_DATABASE = frozenset({"broker", "disk", "payload_store", "models"})


def look_at_sources(found: Iterable[Finding]) -> list[Finding]:
    """Ask every source, unless the database, which knows them, was found to be away."""
    if any(not one.ok for one in found if one.name == "database"):
        return [Finding("sources", False, "not asked: the database knows them", "start PostgreSQL, and look again")]
    return look((), sources=Source.objects.select_related("reflection").order_by("pk"))


def look(
    names: Iterable[str] = tuple(CHECKS), *, sources: Iterable[Source] = (), within_s: float = CHECK_S
) -> list[Finding]:
    """Run the checks, AT_ONCE side by side, none for longer than `within_s`; one that takes longer is a finding."""
    checks = {name: CHECKS[name] for name in names} | {f"source {one}": partial(source, one) for one in sources}
    asked = list(checks.items())
    pages = (asked[first : first + AT_ONCE] for first in range(0, len(asked), AT_ONCE))
    return [found for page in pages for found in _side_by_side(page, within_s)]


def _side_by_side(checks: Sequence[tuple[str, Check]], within_s: float) -> list[Finding]:
    works = [(name, check if name in WITHOUT_DATABASE else partial(_alone, check, within_s)) for name, check in checks]
    asked = [(name, _begun(work)) for name, work in works]
    deadline = time.monotonic() + within_s
    return [_found(name, future.result, deadline) for name, future in asked]


def bounded(ask: Callable[[], T], within_s: float) -> T:
    """What the database answers, on a connection of its own. Raises TimeoutError, and what `ask` raises."""
    return _begun(partial(_alone, ask, within_s)).result(within_s)


def _begun(ask: Callable[[], T]) -> "Future[T]":
    """In a thread that nobody waits for at the end: what hangs does not keep its process from ending."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(ask())
        except BaseException as problem:  # told by who asks for the result
            future.set_exception(problem)

    Thread(target=work, name="asks", daemon=True).start()
    return future


def _alone(ask: Callable[[], T], within_s: float) -> T:
    """In a thread: with a connection of its own, which gives up when the time is over."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {int(within_s * 1000)}")
        return ask()
    finally:
        connection.close()


def _found(name: str, result: Callable[[float], Finding], deadline: float) -> Finding:
    must = name in READY
    try:
        return result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        waits = "what it asks" if name in WITHOUT_DATABASE else "the database, or what it asks,"
        return Finding(name, False, f"no answer in time: {waits} is silent", "see its log; manage.py doctor", must=must)
    except DatabaseError as problem:
        remedy = "start PostgreSQL, or correct DATABASE_URL"
        return Finding(name, False, f"the database does not answer: {type(problem).__name__}", remedy, must=must)
    except Exception as problem:
        return Finding(name, False, f"the check broke: {type(problem).__name__}", "look into the log", must=must)
