"""The operators' commands: what they print, what they refuse, and their exit status."""

import hashlib
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from handoffs import payloads
from handoffs.models import Handoff
from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.models import IngestRun, RetryRule
from ledger.models import Event
from tests.builders import make_batch, make_flight, make_handoff, make_reference, make_reflection, make_run, make_source
from tests.conftest import Store
from tests.flying import deliver_all, work_off

database = pytest.mark.django_db


def told(*arguments: object, status: int = 0) -> str:
    out = StringIO()
    given = [str(argument) for argument in arguments]
    if status:
        with pytest.raises((SystemExit, CommandError)) as ended:
            call_command(*given, stdout=out)
        assert getattr(ended.value, "code", getattr(ended.value, "returncode", None)) == status
    else:
        call_command(*given, stdout=out)
    return out.getvalue()


def said(*arguments: object, status: int = 0) -> dict:
    """The one JSON object."""
    return json.loads(told(*arguments, "--json", status=status))


@pytest.fixture
def quarantined(models):
    RetryRule.objects.create(failure="unexpected", attempts=1)
    deliver_all(make_source(name="notes"), {"a.md": "1 BUG", "b.md": "2 BUG", "c.md": "fine"})
    work_off()
    models.embed = Hashing().embed
    return list(IngestRun.objects.filter(status="quarantined").order_by("pk").values_list("pk", flat=True))


@database
def test_runs_are_listed_in_order_of_id_and_a_cut_list_says_how_to_go_on():
    made = [make_run("failed").pk for _ in range(3)]
    first = said("runs", "list", "--limit", 2)
    assert ([run["id"] for run in first["runs"]], first["more"]) == (made[:2], True)
    assert f"--after {made[1]}" in told("runs", "list", "--limit", 2)
    rest = said("runs", "list", "--limit", 2, "--after", made[1])
    assert ([run["id"] for run in rest["runs"]], rest["more"]) == (made[2:], False)


@database
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--source", "wanted"),
        ("--source", "here/wanted"),
        ("--reflection", "here"),
        ("--status", "retry_wait"),
        ("--reason", "time_limit"),
        ("--failure", "timeout"),
        ("--older-than", "1h"),
    ],
)
def test_each_filter_leaves_what_it_names(option, value):
    source = make_source(name="wanted", reflection=make_reflection(name="here"))
    fields = {"reason": "time_limit", "failure": "timeout", "since": "2026-01-01T00:00Z"}
    run = make_run("retry_wait", source=source, **fields)
    make_run("pending")
    make_run("failed")
    assert [found["id"] for found in said("runs", "list", option, value)["runs"]] == [run.pk]


@database
def test_a_shown_run_has_its_events_its_outputs_and_why_it_is_where_it_is(quarantined):
    [run] = said("runs", "show", quarantined[0])["runs"]
    assert (run["status"], run["stages_done"]) == ("quarantined", ["chunk", "fetch"])
    assert run["why"][0]["cause"] == "quarantined"
    assert run["events"][-1]["became"] == "quarantined"
    shown = told("runs", "show", quarantined[0])
    assert "its policy gave up" in shown
    told("runs", "show", 999, status=2)
    told("runs", "show", status=2)


@database
def test_a_deed_without_ids_and_filters_needs_a_word():
    make_run("pending")
    told("runs", "cancel", status=2)
    assert said("runs", "cancel", "--all")["done"] == {"cancelled": 1}
    assert Event.objects.get(lifecycle="run").by.startswith("cli:")


@database
def test_what_could_not_be_done_is_told_by_reason_and_by_the_exit_status():
    waits, ended = make_run("pending"), make_run("completed")
    answer = said("runs", "cancel", waits.pk, ended.pk, 999, status=1)
    assert answer["done"] == {"cancelled": 1}
    assert answer["refused"] == {"ended": 1, "not_found": 1}
    assert answer["ids"] == {"cancelled": [waits.pk], "ended": [ended.pk], "not_found": [999]}


@database
def test_a_dry_run_tells_the_same_and_changes_nothing():
    run = make_run("pending")
    assert said("runs", "cancel", run.pk, "--dry-run")["done"] == {"cancelled": 1}
    assert "1 would be cancelled" in told("runs", "cancel", run.pk, "--dry-run")
    assert IngestRun.objects.get().status == "pending"


@database
def test_a_limit_bounds_a_deed():
    made = [make_run("pending").pk for _ in range(3)]
    assert said("runs", "cancel", "--all", "--limit", 2)["ids"] == {"cancelled": made[:2]}


@database
def test_handoffs_are_listed_counted_shown_requeued_and_cancelled():
    failed = make_handoff("failed", reason="empty")
    make_handoff("pending")
    assert [row["id"] for row in said("handoffs", "list", "--status", "failed")["handoffs"]] == [failed.pk]
    assert {"status": "failed", "reason": "empty", "handoffs": 1} in said("handoffs", "counts")["counts"]
    assert said("handoffs", "show", failed.pk)["handoffs"][0]["payload_hash"] == failed.payload_id
    assert said("handoffs", "requeue", "--reason", "empty")["done"] == {"requeued": 1}
    assert said("handoffs", "cancel", "--all")["done"] == {"cancelled": 2}
    assert set(Handoff.objects.values_list("status", flat=True)) == {"cancelled"}


@database
def test_the_quarantine_is_shown_in_groups_released_and_given_up(quarantined):
    probe, other = quarantined
    [group] = said("quarantine", "list")["groups"]
    assert (group["runs"], group["exception"], group["sample"]) == (2, "RuntimeError", probe)
    assert [row["id"] for row in said("quarantine", "list", "--runs")["runs"]] == quarantined
    assert "tests/doubles.py" in told("quarantine", "show", probe)
    found = said("quarantine", "release", "--fingerprint", group["fingerprint"])
    assert found["ids"] == {"released": [probe], "follows_a_probe": [other]}
    told("quarantine", "discard", other, status=2)
    assert said("quarantine", "discard", other, "--why", "not needed")["done"] == {"discarded": 1}
    assert said("quarantine", "show", other)["runs"][0]["note"] == "not needed"


@database
def test_a_name_cannot_write_to_the_terminal_what_it_likes():
    reference = make_reference(external_id="evil\x1b[2J[bold]name")
    make_run("failed", handoff=make_handoff("failed", reference=reference))
    shown = told("runs", "list")
    assert "\x1b" not in shown
    assert "[bold]name" in shown


@database
def test_sources_are_named_without_doubt(quarantined):
    [source] = said("sources", "list")["sources"]
    assert source["source"].endswith("/notes")
    make_source(name="notes")
    told("sources", "pause", "notes", status=2)
    told("sources", "pause", "nothing", status=2)
    told("sources", "pause", status=2)
    assert quarantined


@database
def test_a_source_is_paused_with_the_words_and_resumed():
    source = make_source(name="notes")
    assert said("sources", "pause", "notes", "--why", "moving")["done"] == {"paused": 1}
    assert said("sources", "list")["sources"][0]["why"] == "moving"
    assert said("sources", "resume", source.pk)["done"] == {"resumed": 1}
    assert said("sources", "resume", source.pk, status=1)["refused"] == {"not_paused": 1}


@database
def test_queue_explain_and_recover_answer(quarantined):
    assert said("queue")["depths"] == [
        {**said("queue")["depths"][0], "ledger": "run", "status": "quarantined", "priority": 1, "rows": 2}
    ]
    assert "starved: none" in told("queue")
    assert said("explain", quarantined[0])["causes"][0]["name"] == "quarantined"
    assert told("explain", quarantined[0]).startswith("quarantined: ")
    told("explain", 999, status=2)
    make_flight(worker="w", lease_until="2026-01-01T00:00Z")
    assert said("recover", "--dry-run")["repaired"]["flights_lost"] == 1
    assert said("recover")["repaired"]["flights_lost"] == 1
    assert said("recover")["repaired"]["flights_lost"] == 0


@database
def test_the_audit_answers_with_four_when_something_is_wrong():
    assert "nothing found" in told("audit")
    make_batch(status="draft")
    assert said("audit", status=4)["findings"][0]["check"] == "batch_left_as_a_draft"
    assert "batch left as a draft" in told("audit", status=4)


def tampered(store: Store, folder: Path, data: bytes | None) -> None:
    """Write other bytes, or the right ones again, where the payloads of the folder are kept."""
    for file in folder.iterdir():
        kept = store.state_dir / "payloads" / payloads.path_of(hashlib.sha256(file.read_bytes()).hexdigest())
        kept.write_bytes(file.read_bytes() if data is None else data)


def test_an_ingest_ends_with_the_command_that_lists_what_failed(store: Store, tmp_path: Path):
    (tmp_path / "noise.txt").write_bytes(bytes(range(256)))
    done = store.manage("ingest", str(tmp_path))
    assert done.returncode == 1
    _, named, command = done.stdout.splitlines()[-1].partition("manage.py ")
    assert named
    assert "noise.txt" in store.manage(*command.split()).stdout


SET_UP = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from ingestion.models import RetryRule
from ingestion.ingesting import register
from ingestion.operating import pause
from handoffs.models import Source
RetryRule.objects.create(failure="malformed", attempts=1)
register("main", "local_files", "notes", {"root": ROOT})
pause(Source.objects.all(), "a test", by="a test")
"""


def test_damaged_payloads_are_quarantined_released_behind_a_probe_and_ingested(store: Store, tmp_path: Path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.md").write_text(f"Text {name} is here.\n")

    def manage(*arguments: str, status: int = 0) -> dict:
        done = store.manage(*arguments, "--json")
        assert done.returncode == status, done.stdout + done.stderr
        answer: dict = json.loads(done.stdout)
        return answer

    assert store.manage("shell", "-c", f"ROOT = {str(folder)!r}{SET_UP}").returncode == 0
    assert store.ingest(folder, "--name", "notes")["outcomes"] == {}
    tampered(store, folder, b"damaged")
    assert [finding["check"] for finding in manage("audit", "--deep", status=4)["findings"]] == [
        "payload_missing_or_altered"
    ]
    assert manage("sources", "resume", "notes")["done"] == {"resumed": 1, "let_go": 2}
    assert store.ingest(folder, "--name", "notes")["reasons"] == {"payload_missing": 2}
    tampered(store, folder, None)
    assert manage("quarantine", "release", "--all")["done"] == {"released": 1, "follows_a_probe": 1}
    store.ingest(folder, "--name", "notes")
    store.ingest(folder, "--name", "notes")  # its sweep lets the follower go
    assert manage("handoffs", "counts")["counts"] == [{"status": "ingested", "reason": "applied", "handoffs": 2}]
    assert manage("audit", "--deep")["findings"] == []
