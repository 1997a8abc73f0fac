"""A purge that is killed at a commit is finished by the next one: no word of what was private is anywhere."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.rig import Rig, rigged

POINTS = ("purge.barred.before_commit", "purge.barred.after_commit", "purge.before_commit", "purge.after_commit")
PAGE = 100  # items that one transaction erases
PEOPLE = dict(zip(POINTS, ("Quentin Xylander", "Odette Yarrowby", "Barnaby Zwick", "Petronella Vexley"), strict=True))
KEPT = "Margaret Ashdown"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rigged(tmp_path_factory.mktemp("purging")) as rig:
        rig.start_worker()
        yield rig
        audit = rig.manage("audit", "--deep")
        assert audit.returncode == 0, audit.stdout


@pytest.fixture(scope="module")
def letters(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One letter for each point, about a person of its own, beside one that is to stay."""
    folder = tmp_path_factory.mktemp("letters")
    for n, name in enumerate((*PEOPLE.values(), KEPT)):
        said = f"{name} became director of the Marrow Bay Harbour Trust in {1990 + 5 * n}."
        (folder / f"{name.split()[1]}.md").write_text(f"# On {name}\n\n{said}\n\nThe tide was high.\n")
    rig.ingest(folder, "letters")


def purge(rig: Rig, *what: str) -> "subprocess.CompletedProcess[str]":
    return rig.manage("purge", *what, "--reason", "they asked for it", "--yes", "--json")


def finished(rig: Rig, *what: str) -> dict[str, Any]:
    """Purge once more; return what this call erased. Nothing is left then."""
    done = purge(rig, *what)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert {name: count for name, count in told["left"].items() if count} == {}
    return told["erased"]  # type: ignore[no-any-return]


def said_in(rig: Rig, *words: str) -> set[str]:
    """The tables with a row, and the files, that have one of the words; the broker's messages too."""
    tables = rig.query("SELECT format('%%I', tablename) FROM pg_tables WHERE schemaname = 'public'")
    anyone = "|".join(map(re.escape, words))
    found = {t for (t,) in tables if rig.query(f"SELECT 1 FROM {t} x WHERE x::text ~* %s LIMIT 1", anyone)}  # noqa: S608
    pattern = re.compile(anyone.encode(), re.IGNORECASE)
    return found | {path.name for path in stored(rig) if pattern.search(path.read_bytes())}


def stored(rig: Rig) -> list[Path]:
    """All files of the product: bytes, logs; not those in which PostgreSQL has what it has not vacuumed yet."""
    servers = rig.state_dir / "servers"
    return [path for path in rig.state_dir.rglob("*") if path.is_file() and not path.is_relative_to(servers)]


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("point", POINTS)
def test_a_purge_that_is_killed_at_a_commit_is_finished_by_the_next(rig: Rig, point: str) -> None:
    private = PEOPLE[point].split()[1]
    letter = ("--source", "letters/corpus", "--reference", f"{private}.md")
    assert {"handoffs_reference", "patches_passage", "patches_fact", "ingestion_stageoutput"} < said_in(rig, private)

    rig.order(point, "kill")
    killed = purge(rig, *letter)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "")
    erased = finished(rig, *letter)

    assert said_in(rig, private) == set()
    assert erased["payloads"] == (0 if point == "purge.after_commit" else 1)
    assert {"handoffs_reference", "patches_passage", "patches_fact"} < said_in(rig, KEPT.split()[1])
    rig.forget()


def test_a_source_that_is_killed_between_two_pages_goes_whole(rig: Rig, tmp_path: Path) -> None:
    for n in range(PAGE + 3):
        (tmp_path / f"grimsditch-{n}.txt").write_text(f"Grimsditch number {n} said that the tide was high.")
    rig.ingest(tmp_path, "diary", timeout=240)

    rig.order("purge.after_commit", "kill")
    killed = purge(rig, "--source", "diary/corpus")
    assert killed.returncode == -signal.SIGKILL
    left = said_in(rig, "grimsditch")
    erased = finished(rig, "--source", "diary/corpus")

    assert "handoffs_reference" in left
    assert erased["references"] == 3
    assert said_in(rig, "grimsditch") == set()
    rig.forget()
