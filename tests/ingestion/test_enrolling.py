"""Sources are added, tried and taken out by command."""

import json

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from handoffs.models import Handoff, Reference, Reflection, Secret, Source
from ingestion import schedules, sync
from ingestion.models import Schedule
from ingestion.recovery import sweep
from ledger.failures import Auth
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
    (tmp_path / "texts").mkdir()
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


GITHUB = ("--kind", "github", "--option", "repository=acme/plans")
WEB = ("--kind", "web", "--option", 'seeds:=["https://docs.example.org/"]')
IMAP = ("--kind", "imap", "--option", "user=ann")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--kind", "local_files", "--option", "root:=5"), "root: .*valid string.*KEY=VALUE"),
        (("--kind", "local_files", "--option", "root=/nowhere/at/all"), "not there; make it"),
        (("--kind", "obsidian", "--option", "root=~nobodyhasthisname/x"), "home directory"),
        (("--kind", "web", "--option", "seeds=https://docs.example.org/"), "seeds: .*KEY:=JSON"),
        (("--kind", "web", "--option", 'seeds:=["docs.example.org"]'), "begins with http"),
        ((*WEB, "--option", "pages=many"), "pages: .*integer"),
        ((*WEB, "--option", "delay_s=-1"), "delay_s"),
        ((*GITHUB, "--option", "branch=release/*"), "branch: "),
        ((*GITHUB, "--option", "url=github.example.org"), "url: "),
        ((*GITHUB, "--option", "url=https://ann:key@github.example.org"), "url: "),
        ((*GITHUB, "--option", "token=abc"), "token: .*--secret"),
        ((*IMAP, "--option", "host=imaps://mail.example.org"), "host: "),
        ((*IMAP, "--option", "host=mail.example.org", "--option", "port=70000"), "port: "),
    ],
)
def test_options_that_make_no_source_are_refused_before_it_is_kept(given, says):
    with pytest.raises(CommandError, match=says) as wrong:
        call_command("sources", "add", "work", *given)
    assert wrong.value.returncode == 2
    assert not Source.objects.exists()


def test_a_text_that_says_a_number_or_true_is_taken_for_it(tmp_path):
    add("notes", "--kind", "local_files", "--option", f"root={tmp_path}", "--option", "hidden=false")
    (tmp_path / ".hidden.md").write_text("It is hidden.")
    (tmp_path / "note.md").write_text("It is not.")
    assert sync.sync(Source.objects.get()).listed == 1


def test_a_source_is_given_other_options(tmp_path):
    add("notes", "--kind", "local_files", "--option", f"root={tmp_path}", "--option", 'include:=["*.md"]')
    change = ("sources", "change", "notes", "--option", 'exclude:=["b*"]', "--without", "include")
    assert said(*change, "--dry-run")["done"] == {"changed": 1}
    assert Source.objects.get().options == {"root": str(tmp_path), "include": ["*.md"]}
    said(*change)
    assert Source.objects.get().options == {"root": str(tmp_path), "exclude": ["b*"]}
    assert Event.objects.get(lifecycle="source", reason="source_changed").note == "exclude, include"
    assert said("sources", "change", "notes", "--option", 'exclude:=["b*"]')["done"] == {}


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--option", "deep=yes"),
        ("--option", "root=/nowhere/at/all"),
        ("--without", "root"),
        ("--without", "include"),
    ],
)
def test_a_change_that_makes_no_source_is_refused(tmp_path, wrong):
    source = make_source(name="notes", options={"root": str(tmp_path)})
    told("sources", "change", "notes", *wrong, status=2)
    source.refresh_from_db()
    assert source.options == {"root": str(tmp_path)}


def test_a_secret_that_its_connector_does_not_take_is_refused(tmp_path):
    add("mail", *IMAP, "--option", "host=mail.example.org")
    (tmp_path / "key").write_text("a key")
    told("secrets", "set", "mail", f"passwort=@{tmp_path / 'key'}", status=2)
    assert not Secret.objects.exists()
    told("secrets", "set", "mail", f"password=@{tmp_path / 'key'}")
    assert Secret.objects.get().name == "password"


def test_a_source_whose_options_went_wrong_is_paused_with_what_to_mend():
    source = make_source(kind="github", options={"repository": "acme/plans", "transport": "pigeon"})
    with pytest.raises(Auth):
        sync.sync(source)
    source.refresh_from_db()
    assert source.paused
    assert "transport: api or git" in source.last_error
    [answer] = said("sources", "check", source.pk, status=1)["sources"]
    assert "transport: api or git" in answer["says"]


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
