"""Secrets of sources: sealed at rest, opened for their connector, and shown by nothing."""

# ruff: noqa: S105, S106  passwords of nothing

import io
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from handoffs import sealing
from handoffs.models import Secret
from ingestion.connectors import CONNECTORS
from ingestion.management.secrets_given import secrets_given
from ingestion.sync import sync
from ledger.failures import Auth
from ledger.models import Event
from ledger.reasons import Reason
from tests.builders import make_source
from tests.doubles import Mailroom
from tests.ingestion.test_commands import said, told

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def own_keys(settings, tmp_path: Path) -> Path:
    settings.SOURCE_KEYS, settings.OWN_SOURCE_KEYS = (), tmp_path / "source_keys"
    settings.OWN_SOURCE_KEYS.write_text(Fernet.generate_key().decode())
    settings.OWN_SOURCE_KEYS.chmod(0o600)
    return settings.OWN_SOURCE_KEYS


class Locked(Mailroom):
    """Asks for a password."""

    asked: list[str] = []

    def __init__(self, host: str, *, password: str) -> None:
        self.asked.append(f"{host} {password}")


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Locked]]:
    monkeypatch.setitem(CONNECTORS, "locked", "tests.handoffs.test_sealing.Locked")
    monkeypatch.setattr(Locked, "asked", [])
    return Locked


def source_with(**secrets: str):
    source = make_source(kind="locked", options={"host": "mail.example.org"})
    sealing.keep(source, secrets, by="ann")
    return source


def test_a_connector_is_given_its_secrets_by_name(locked):
    sync(source_with(password=PASSWORD))
    assert locked.asked == [f"mail.example.org {PASSWORD}"]


@pytest.mark.usefixtures("locked")
def test_a_secret_stands_in_no_row_no_log_no_answer_and_no_page(settings, admin_client, caplog):
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the console warns of one that is missing
    caplog.set_level(logging.DEBUG)
    with connection.cursor() as cursor:
        sync(source := source_with(password=PASSWORD))
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            assert not [row for (row,) in cursor.fetchall() if PASSWORD in row], table
    pages = [reverse("admin:handoffs_source_change", args=[source.pk]), reverse("admin:handoffs_secret_changelist")]
    pages += [reverse("admin:handoffs_secret_change", args=[secret.pk]) for secret in Secret.objects.all()]
    shown = [admin_client.get(page).content.decode() for page in pages]
    shown += [told("secrets", "list"), told("sources", "list"), caplog.text]
    assert all("password" in page for page in shown[1:4])
    sealed = Secret.objects.get().sealed
    assert not [text for text in shown if PASSWORD in text or sealed in text]


def test_a_new_value_takes_the_place_of_the_old_one_and_both_are_told_of():
    source = source_with(password="old")
    sealing.keep(source, {"password": PASSWORD, "token": "t"}, by="bea")
    assert sealing.reveal(source.pk) == {"password": PASSWORD, "token": "t"}
    assert sealing.forget(source, ["token", "never"], by="cid") == ["token"]
    assert sealing.reveal(source.pk) == {"password": PASSWORD}
    events = Event.objects.filter(lifecycle="source", row_id=source.pk).order_by("pk")
    assert [(event.reason, event.by, event.note) for event in events] == [
        ("secret_set", "ann", "password"),
        ("secret_set", "bea", "password, token"),
        ("secret_forgotten", "cid", "token"),
    ]


@pytest.mark.django_db(transaction=True)
def test_rotation_seals_all_anew_and_the_leaked_key_opens_nothing(own_keys):
    with transaction.atomic():
        source, other = source_with(password=PASSWORD), source_with(password="two")
    leaked = Fernet(own_keys.read_text())
    assert said("secrets", "rotate", "--dry-run") == {"dry_run": True, "sealed_anew": 2}
    assert leaked.decrypt(Secret.objects.first().sealed)
    assert said("secrets", "rotate") == {"dry_run": False, "sealed_anew": 2}
    for sealed in Secret.objects.values_list("sealed", flat=True):
        with pytest.raises(sealing.InvalidToken):
            leaked.decrypt(sealed)
    assert (sealing.reveal(source.pk), sealing.reveal(other.pk)) == ({"password": PASSWORD}, {"password": "two"})
    assert stat.S_IMODE(own_keys.stat().st_mode) == 0o600
    for _ in range(3):
        sealing.rotate()
    assert len(own_keys.read_text().split()) == 2
    assert sealing.reveal(source.pk) == {"password": PASSWORD}


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_stops_half_way_loses_no_secret(own_keys, monkeypatch):
    with transaction.atomic():
        source = source_with(password=PASSWORD)

    class PowerCut(Exception):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        patch.setattr(sealing.MultiFernet, "rotate", cut)
        sealing.rotate()
    assert len(own_keys.read_text().split()) == 2
    assert sealing.reveal(source.pk) == {"password": PASSWORD}
    assert sealing.rotate() == 1
    assert sealing.reveal(source.pk) == {"password": PASSWORD}


@pytest.mark.django_db(transaction=True)
def test_nobody_seals_with_an_old_key_while_a_rotation_goes_on(elsewhere):
    source = make_source()
    with transaction.atomic():
        sealing.keep(source, {"password": PASSWORD}, by="ann")
        rotating = elsewhere(sealing.rotate)
        assert not rotating.done()
    assert rotating.result(timeout=5) == 1


def test_keys_of_the_settings_rotate_by_putting_a_new_one_in_front(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.SOURCE_KEYS, settings.OWN_SOURCE_KEYS = (old,), None
    source = source_with(password=PASSWORD)
    settings.SOURCE_KEYS = (new, old)
    assert sealing.reveal(source.pk) == {"password": PASSWORD}


@pytest.mark.usefixtures("locked")
def test_a_secret_that_no_key_opens_pauses_its_source_and_says_what_to_do(settings, own_keys):
    source = source_with(password=PASSWORD)
    own_keys.write_text(Fernet.generate_key().decode())
    with pytest.raises(Auth) as refused:
        sync(source)
    assert refused.value.reason == Reason.SEALED
    source.refresh_from_db()
    assert source.paused
    assert "set the secret again" in source.paused_why
    settings.OWN_SOURCE_KEYS = None
    assert told("secrets", "set", source.pk, "password=@/dev/null", status=2) == ""
    with pytest.raises(sealing.NoKey, match="SLUICEGATE_SOURCE_KEYS"):
        sealing.keep(source, {"password": "x"}, by="ann")


def test_a_secret_is_read_from_a_file_or_from_standard_input(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("  from a file \n")
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin\nsecond\n"))
    assert secrets_given([f"token=@{tmp_path / 'token'}", "password", "other"]) == {
        "token": "  from a file ",
        "password": "from stdin",
        "other": "second",
    }


@pytest.mark.parametrize("given", ["password=hunter2", "=@file", "password=@/nowhere", "password"])
def test_a_secret_in_the_command_is_refused(given, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    source = make_source()
    err = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("secrets", "set", str(source.pk), given, stderr=err)
    assert refused.value.returncode == 2
    assert "hunter2" not in str(refused.value)
    assert not Secret.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_command_sets_lists_and_forgets(monkeypatch):
    source = make_source(name="mail", kind="imap", options={"host": "mail.example.org", "user": "ann"})
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    assert said("secrets", "set", "mail", "password", "--dry-run") == {"dry_run": True, "set": ["password"]}
    assert not Secret.objects.exists()
    said("secrets", "set", "mail", "password")
    [listed] = said("secrets", "list", "mail")["secrets"]
    assert (listed["source"], listed["name"]) == (str(source), "password")
    assert "two" not in json.dumps(listed)
    assert said("secrets", "forget", "mail", "password")["forgotten"] == ["password"]
    assert not Secret.objects.exists()
