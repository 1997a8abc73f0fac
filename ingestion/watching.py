"""Watch the folders of sources. What changes there is a hint to sync; what there is, the sync's listing says.

So nothing rests on hearing everything: notices that the kernel dropped, a folder that was away, a restart of ours end
in a hint as well, and each folder is looked at now and then whatever was heard.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from handoffs.models import Source
from ingestion import triggering
from ingestion.connectors import watchable
from ingestion.models import Cause
from ingestion.mounts import is_remote
from ingestion.ports import Watchable

log = structlog.get_logger(__name__)

STABLE_S = 1.0
MOST_S = 30.0  # a file that is written all the time does not keep the others waiting for longer
# Of one look; a burst is heard in pieces of HEARD_MS.
LOOK_MS, HEARD_MS, STEP_MS = 100, 400, 50
# The kernel keeps 16,384 notices, of which a file may make several: from here on some may have been dropped, among them
# those of new folders, which nobody would watch.
FLOOD = 2_000
AWAY_S = 1.0  # between two looks for a folder that is not there
UNHEARD_S = 60.0  # between two hints for a folder that cannot be listened to
RESCAN_S = 600.0
SOURCES_S = 2.0

Looks = tuple[int, int, int] | None
Told = tuple[str, Mapping[str, Any]]  # a source's kind and options


class Unsettled:
    """The paths that changed lately. They are settled once nothing was heard of them for a while, nor can be seen."""

    def __init__(self, stable_s: float) -> None:
        self.stable_s = stable_s
        self.looks: dict[str, Looks] = {}
        self.heard_at = self.since = 0.0

    def hear(self, paths: Iterable[str], now: float) -> None:
        found = {path: _looks(path) for path in paths}
        if found:
            self.since = self.since if self.looks else now
            self.heard_at = now
            self.looks |= found

    def settled(self, now: float) -> bool:
        """Whether the source is to be looked at; True is said once. `now` is of one clock in seconds."""
        if not self.looks or now - self.heard_at < self.stable_s:
            return self._overdue(now)
        again = {path: _looks(path) for path in self.looks}
        if again != self.looks:  # written without a notice, as through a map of memory
            self.looks, self.heard_at = again, now
            return self._overdue(now)
        self.looks.clear()
        return True

    def _overdue(self, now: float) -> bool:
        if not self.looks or now - self.since < MOST_S:
            return False
        self.since = now
        return True


class Follower(Thread):
    """Follows the folder of one source until it is told to end."""

    def __init__(self, source_id: int, folder: Watchable, stable_s: float) -> None:
        super().__init__(name=f"watch {source_id}", daemon=True)
        self.source_id, self.port, self.stable_s = source_id, folder, stable_s
        self.folder = folder.folder()
        self.ended = Event()
        self.listening = Event()  # for who wants to know that what happens from now on is heard
        self.trouble = ""

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                began_as = _looks_of_folder(self.folder)
                if began_as is None:
                    self._tell("the folder is away")
                    self.ended.wait(AWAY_S)
                elif is_remote(self.folder):
                    self._tell("a remote folder is looked at now and then")
                    self._hint_in(UNHEARD_S)
                else:
                    with RustNotify([str(self.folder)], False, False, 0, True, True) as ears:
                        self._tell("")
                        self._listen(ears, began_as)
            except (OSError, WatchfilesRustInternalError) as problem:
                self._tell(f"cannot be listened to, is looked at now and then: {type(problem).__name__}")
                self._hint_in(UNHEARD_S)
            self.listening.clear()

    def _listen(self, ears: RustNotify, began_as: tuple[int, int]) -> None:
        """Returns when the folder is another one, or when it is to be listened to anew."""
        unsettled, flooded = Unsettled(self.stable_s), False
        hinted_at = time.monotonic() if self._hint() else 0.0  # whatever happened while nobody listened
        self.listening.set()
        while not self.ended.is_set() and _looks_of_folder(self.folder) == began_as:
            heard = ears.watch(HEARD_MS, STEP_MS, LOOK_MS, self.ended)
            now = time.monotonic()
            if not isinstance(heard, str):
                flooded = flooded or len(heard) >= FLOOD
                unsettled.hear((path for _, path in heard if self.port.minds(Path(path))), now)
            if unsettled.settled(now) or now - hinted_at > RESCAN_S:
                if flooded:
                    log.warning("too much at once: the folder is listened to anew", source=self.source_id)
                    return
                hinted_at = now if self._hint() else 0.0

    def _hint(self) -> bool:
        """Ask for a sync; False when the database is away, and it is to be asked for again."""
        try:
            triggering.ask(Source(pk=self.source_id), Cause.HINTED, by="watch")
        except (OperationalError, InterfaceError) as problem:
            log.warning("the database does not answer", source=self.source_id, error=type(problem).__name__)
            self.ended.wait(AWAY_S)
            return False
        finally:
            connection.close()  # one a folder would be many
        return True

    def _hint_in(self, seconds: float) -> None:
        self._hint()
        self.ended.wait(seconds)

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            log.warning(trouble, source=self.source_id) if trouble else log.info("listening", source=self.source_id)


def watch(ended: Event, *, stable_s: float = STABLE_S) -> None:
    """Follow the folders of all sources that have one and are not paused, until `ended` is set."""
    followers: dict[int, Follower] = {}
    told: Mapping[int, Told] = {}
    while not ended.is_set():
        try:
            before, told = told, _told()
        except (OperationalError, InterfaceError) as problem:
            connection.close()
            log.warning("the database does not answer", error=type(problem).__name__)
        else:
            _keep_up(followers, before, told, stable_s)
        ended.wait(SOURCES_S)
    _keep_up(followers, told, {}, stable_s)


def _keep_up(
    followers: dict[int, Follower], before: Mapping[int, Told], now: Mapping[int, Told], stable_s: float
) -> None:
    """End the followers of sources that are told otherwise now, and begin those of sources that were not before."""
    over = [followers.pop(pk) for pk in list(followers) if now.get(pk) != before[pk]]
    for follower in over:
        follower.ended.set()
    for pk, (kind, options) in now.items():
        if before.get(pk) != (kind, options) and (folder := watchable(kind, options)):
            followers[pk] = Follower(pk, folder, stable_s)
            followers[pk].start()
    for follower in over:
        follower.join()


def _told() -> Mapping[int, Told]:
    rows = Source.objects.filter(paused=False).order_by("pk").values_list("pk", "kind", "options")
    return {pk: (kind, options) for pk, kind, options in rows}


def _looks(path: str) -> Looks:
    try:
        found = os.stat(path, follow_symlinks=False)  # noqa: PTH116  of many paths at a time
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _looks_of_folder(folder: Path) -> tuple[int, int] | None:
    """Which folder it is: one that was moved away and made again is another."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if folder.is_dir() else None
