"""Commands in the name of a person of the console: their roles decide, and what is done names them."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command, get_commands, load_command_class

from console.roles import ADMINISTRATOR, HOUSE, OPERATOR, REVIEWER, VIEWER
from ingestion.models import IngestRun
from ledger.commands import Reporting
from ledger.models import Event
from tests.builders import make_batch, make_run

pytestmark = pytest.mark.django_db

EVERY, NOBODY = {VIEWER, OPERATOR, REVIEWER, ADMINISTRATOR}, "nobody"
KEEPS_GOING, DECIDES, RULES = {OPERATOR, ADMINISTRATOR}, {REVIEWER, ADMINISTRATOR}, {ADMINISTRATOR}
# Whatever stands in none of these looks and changes nothing.
LIMITED = {
    **dict.fromkeys(
        ["recover", "handoffs requeue", "handoffs cancel"],
        KEEPS_GOING,
    ),
    **dict.fromkeys([f"runs {verb}" for verb in ("requeue", "cancel", "acknowledge")], KEEPS_GOING),
    **dict.fromkeys(["quarantine release", "quarantine discard"], KEEPS_GOING),
    **dict.fromkeys([f"sources {verb}" for verb in ("check", "sync", "schedule", "pause", "resume")], KEEPS_GOING),
    "sources reprocess": KEEPS_GOING,
    **dict.fromkeys([f"patches {verb}" for verb in ("approve", "reject", "revert")], DECIDES),
    **dict.fromkeys(["revert", "restore", "entities merge", "entities split"], DECIDES),
    **dict.fromkeys(
        [
            "ingest",
            "sources add",
            "sources change",
            "sources remove",
            "purge",
            "auditlog seal",
            "approvals confirm",
            "approvals refuse",
        ],
        RULES,
    ),
    **dict.fromkeys(["consent grant", "consent revoke", "tokens add", "tokens revoke"], RULES),
    **dict.fromkeys([f"secrets {verb}" for verb in ("set", "forget", "rotate")], RULES),
    **dict.fromkeys([f"golden {verb}" for verb in ("add", "import", "remove")], RULES),
    **dict.fromkeys([f"backup {verb}" for verb in ("make", "verify", "load")], RULES),
}
COMMANDS = {name: load_command_class(app, name) for name, app in get_commands().items() if app in HOUSE}


def somebody(*roles: str, **fields: bool) -> User:
    person = User.objects.create_user("-".join(roles) or NOBODY, **{"is_staff": True} | fields)
    person.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return person


def may(command: Reporting, person: User, permission: str) -> bool:
    try:
        command.admit(person.username, permission)
    except CommandError as refusal:
        assert refusal.returncode == 77
        return False
    return True


def test_every_verb_of_every_command_is_for_those_whose_role_allows_it() -> None:
    people = {role: somebody(role) for role in EVERY} | {NOBODY: somebody()}
    found = {
        f"{name} {verb}".strip(): {role for role, person in people.items() if may(command, person, permission)}
        for name, command in COMMANDS.items()
        if isinstance(command, Reporting)
        for verb, permission in command.needs.items()
    }

    assert found == {deed: LIMITED.get(deed, EVERY) for deed in found}
    assert LIMITED.keys() <= found.keys()


def test_no_verb_is_without_its_permission() -> None:
    for name, command in COMMANDS.items():
        if isinstance(command, Reporting):
            actions = command.create_parser("manage.py", name)._actions
            [verbs] = [action.choices for action in actions if action.dest == "verb"] or [[""]]
            assert set(verbs) == command.needs.keys(), name


def test_a_deed_in_somebodys_name_is_refused_when_their_role_does_not_allow_it() -> None:
    run = make_run("pending")
    somebody(VIEWER)

    with pytest.raises(CommandError, match=r"viewer may not do that.*ingestion\.change_ingestrun") as refusal:
        call_command("runs", "cancel", str(run.pk), "--as", VIEWER)

    assert refusal.value.returncode == 77
    assert IngestRun.objects.get(pk=run.pk).status == "pending"
    assert not Event.objects.exists()
    call_command("runs", "list", "--as", VIEWER)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_staff": False}])
def test_nobody_acts_for_who_may_not_come_in(fields: dict[str, bool]) -> None:
    somebody(ADMINISTRATOR, **fields)

    for name in (ADMINISTRATOR, "who"):
        with pytest.raises(CommandError, match="no person") as refusal:
            call_command("runs", "list", "--as", name)
        assert refusal.value.returncode == 2


def test_what_is_done_in_somebodys_name_names_them_and_who_typed_it() -> None:
    somebody(OPERATOR)
    somebody(REVIEWER)
    mine, other = make_run("pending"), make_run("pending")
    batch = make_batch(status="applied")

    call_command("runs", "cancel", str(mine.pk), "--as", OPERATOR)
    call_command("runs", "cancel", str(other.pk))
    call_command("patches", "revert", str(batch.pk), "--why", "a hoax", "--as", REVIEWER)

    by = {(event.lifecycle, event.row_id): event.by for event in Event.objects.all()}
    assert by["run", mine.pk].startswith("admin:operator by cli:")
    assert by["run", other.pk].startswith("cli:")
    assert by["batch", batch.pk].startswith("admin:reviewer by cli:")
