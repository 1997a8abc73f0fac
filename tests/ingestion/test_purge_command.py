"""`manage.py purge` as an operator meets it."""

import json

import pytest
from django.core.management import CommandError, call_command

from handoffs import payloads
from handoffs.models import Source
from tests.builders import make_source
from tests.flying import deliver_all, work_off
from tests.ingestion.test_purging import PRIVATE, said_in, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def source():
    source = make_source(name="letters")
    deliver_all(source, {"letter-to-q.md": PRIVATE, "other.md": "led_by: Acme > Ann [2011..]"})
    work_off()
    return source


def run(capsys, *arguments: str) -> dict:
    call_command("purge", *arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_it_erases_proves_it_and_can_be_lifted(source, capsys):
    which = ("--source", "letters", "--reference", "letter-to-q.md")
    assert run(capsys, *which, "--dry-run")["there"]["items"] == 1
    assert stored(PRIVATE)

    told = run(capsys, *which, "--reason", "asked for", "--yes")

    assert told["erased"]["references"] == 1
    assert set(told["left"].values()) == {0}
    assert {"names", "passages", "payloads", "files", "facts_that_nothing_says"} <= told["left"].keys()
    assert said_in() == {}
    assert not Source.objects.get(pk=source.pk).paused
    assert run(capsys, *which, "--reason", "asked for", "--yes")["erased"]["references"] == 0
    assert run(capsys, *which, "--lift", "--reason", "a mistake", "--yes") == {"dry_run": False, "lifted": 1}


def test_a_whole_source_goes_and_is_paused(source, capsys):
    told = run(capsys, "--source", "letters", "--reason", "it is over", "--yes")
    assert told["erased"]["references"] == 2
    assert set(told["left"].values()) == {0}
    assert Source.objects.get(pk=source.pk).paused


@pytest.mark.usefixtures("source")
def test_what_is_left_is_told_by_the_exit_status(capsys, at):
    """Somebody put the bytes there by hand, behind the purge's back."""
    at("purge.after_commit", lambda: payloads.put(PRIVATE.encode()))
    with pytest.raises(SystemExit) as ended:
        call_command("purge", "--reference", "letter-to-q.md", "--reason", "x", "--yes", "--json")
    assert ended.value.code == 4
    assert json.loads(capsys.readouterr().out)["left"]["files"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say what"),
        (("--reference", "other.md"), "--reason"),
        (("--reference", "nowhere.md", "--dry-run"), "there is no item"),
        (("--source", "nowhere", "--dry-run"), "there is no source"),
        (("--reference", "other.md", "--reason", "x", "--json"), "--yes"),
    ],
)
@pytest.mark.usefixtures("source")
def test_a_question_that_is_not_clear_does_nothing(arguments, says):
    with pytest.raises(CommandError, match=says) as wrong:
        call_command("purge", *arguments)
    assert wrong.value.returncode == 2


@pytest.mark.usefixtures("source")
def test_who_does_not_say_yes_keeps_everything(monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(SystemExit) as ended:
        call_command("purge", "--reference", "letter-to-q.md", "--reason", "x")
    assert ended.value.code == 1
    assert "payloads" in capsys.readouterr().out
    assert stored(PRIVATE)
