"""Sources are added, tried and taken out by command."""

import json

import pytest
from django_celery_beat.models import PeriodicTask

from handoffs.models import Handoff, Reference, Reflection, Secret, Source
from ingestion import schedules, sync
from ingestion.models import Schedule
from ingestion.recovery import sweep
from ledger.models import Event
from patches.models import Passage
from tests.builders import make_occurrence, make_source
from tests.flying import deliver, work_off
from tests.ingestion.test_commands import said, told

pytestmark = pytest.mark.django_db


def add(*arguments: object, status: int = 0) -> dict:
    return said("sources", "add", *arguments, status=status)


def test_a_source_is_added_with_its_options_and_secrets(tmp_path):
    (tmp_path / "key").write_text("a token\n")
    options = ["--option", "repository=acme/plans", "--option", 'contents:=["files"]', "--option", "app_id=17"]
    given = ["work", "--reflection", "team", "--kind", "github", *options, "--secret", f"token=@{tmp_path / 'key'}"]
    assert add(*given, "--dry-run")["done"] == {"added": 1}
    assert not Source.objects.exists()
    add(*given)
    source = Source.objects.get(reflection__name="team")
    assert source.options == {"repository": "acme/plans", "contents": ["files"], "app_id": "17"}
    assert "a token" not in json.dumps(said("sources", "show", "work"))
    assert said("sources", "show", "work")["secrets"] == ["token"]
    assert Event.objects.filter(lifecycle="source", row_id=source.pk, reason="source_added").exists()


def test_a_folder_is_added_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add("notes", "--kind", "local_files", "--option", "root=texts")
    assert Source.objects.get().options == {"root": str(tmp_path / "texts")}


@pytest.mark.parametrize(
    "wrong",
    [
        ["work"],
        ["work", "--kind", "local_files"],
        ["work", "--kind", "local_files", "--option", "root=/x", "--option", "deep=yes"],
        ["notes", "--kind", "local_files", "--option", "root=/x", "--reflection", "team"],
    ],
    ids=["no kind", "no root", "no such option", "the name is taken"],
)
def test_what_cannot_be_a_source_is_refused(wrong):
    make_source(name="notes", reflection=Reflection.objects.create(name="team"))
    told("sources", "add", *wrong, status=2)
    assert Source.objects.count() == 1


def test_a_source_is_asked_whether_it_answers(tmp_path):
    (tmp_path / "note.md").write_text("A note.")
    source = make_source(options={"root": str(tmp_path)})
    [answer] = said("sources", "check", source.pk)["sources"]
    assert (answer["ok"], answer["says"]) == (True, "1 entries in the folder")
    source = make_source(options={"root": str(tmp_path / "away")})
    [answer] = said("sources", "check", source.pk, status=1)["sources"]
    assert not answer["ok"]


def test_a_source_is_shown_with_its_latest_syncs():
    source = make_source(name="notes")
    for _ in range(7):
        make_occurrence("done", source=source)
    shown = said("sources", "show", "notes")
    assert (shown["kind"], len(shown["syncs"])) == (source.kind, 5)
    assert "Latest syncs" in told("sources", "show", "notes")


@pytest.mark.usefixtures("models")
def test_a_source_is_taken_out_with_all_that_it_brought():
    source, other = make_source(), make_source()
    for each in (source, other):
        deliver(each, a="led_by: Acme > Ann [2011..2014]", b="another")
        schedules.set_schedule(each, cron="0 3 * * *", by="ann")
        Secret.objects.create(source=each, name="token", sealed="sealed", set_by="ann")
    work_off()
    deliver(source, c="it waits")
    assert said("sources", "remove", source.pk, "--dry-run")["done"]["removed"] == 1
    assert Reference.objects.filter(source=source, gone_at=None).count() == 3
    assert said("sources", "remove", source.pk)["done"]["removed"] == 1
    sweep()
    for rows in (Reference.objects.filter(gone_at=None), Passage.objects.filter(live=True)):
        assert {getattr(row, "source_id", None) or row.batch.source_id for row in rows} == {other.pk}
    assert [one.source for one in Schedule.objects.all()] == [other]
    assert [one.source for one in Secret.objects.all()] == [other]
    assert PeriodicTask.objects.filter(name__startswith="sync source").count() == 1
    assert not Handoff.objects.filter(source=source, status__in=["pending", "held", "queued", "ingesting"]).exists()
    source.refresh_from_db()
    assert (source.paused, source.paused_why) == (True, "removed")


@pytest.mark.django_db(transaction=True)
def test_a_source_that_is_being_synced_is_not_taken_out(elsewhere):
    source = make_source()

    def remove():
        return said("sources", "remove", source.pk, status=1)

    with sync.alone(source):
        assert elsewhere(remove).result(timeout=10)["refused"] == {"being_synced": 1}
    assert not Source.objects.get().paused
