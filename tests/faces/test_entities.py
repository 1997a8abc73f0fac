"""`manage.py entities`: whom the store knows, and a person's word on who is whom."""

import pytest
from django.core.management import CommandError

from ledger.models import Event
from patches.models import Alias, Entity, PatchBatch
from tests.builders import make_source
from tests.flying import deliver, work_off
from tests.ingestion.test_commands import said, told
from tests.patches.test_knowledge import open_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def entities(models):  # noqa: ARG001  in place before anything is ingested
    """Runs the command on a reflection that knows Ann by two names."""
    source = make_source()
    deliver(source, a="led_by: Acme > Ann S. [2011..2013]\nled_by: Acme > Ann Smith [2014..2016]")
    work_off()

    def run(how, verb: str, *arguments):
        return how("entities", verb, *arguments, "--reflection", source.reflection.name)

    return run


def test_two_are_merged_and_split_with_a_reason(entities):
    plan = entities(said, "merge", "Ann S.", "--into", "ann  SMITH", "--reason", "one person", "--dry-run")
    assert (plan["applied"], plan["batch"], plan["dry_run"]) == (True, None, True)
    assert not Alias.objects.exists()

    done = entities(said, "merge", "Ann S.", "--into", "ann  SMITH", "--reason", "one person")

    assert (done["says"], len(done["closed"]), len(done["opened"])) == ("Ann S. is Ann Smith", 2, 1)
    assert open_of("acme", "led_by") == [("Ann Smith", 2011, 2017)]
    event = Event.objects.filter(lifecycle="batch", row_id=done["batch"]).latest("id")
    assert (event.became, event.note) == ("applied", "one person")
    assert event.by.startswith("cli:")
    assert entities(said, "list", "--type", "person")["entities"][0]["also"] == "Ann S."
    shown = entities(said, "show", "Ann S.")
    assert (shown["entity"]["name"], shown["said"][0]["why"], len(shown["facts"])) == ("Ann Smith", "one person", 1)
    assert "one person" in entities(told, "show", "Ann S.")

    text = entities(told, "split", "Ann S.", "--reason", "two after all")
    assert text.splitlines()[0].startswith("Ann S. is itself alone, batch ")
    assert len(open_of("acme", "led_by")) == 2


def test_an_entity_is_meant_by_its_id_too(entities):
    ids = {entity.name: str(entity.pk) for entity in Entity.objects.all()}
    entities(told, "merge", ids["Ann S."], "--into", ids["Ann Smith"], "--reason", "one")
    assert Alias.objects.count() == 1


def test_the_gate_refuses_a_person_that_is_an_organisation(entities):
    with pytest.raises(SystemExit) as ended:
        entities(told, "merge", "Ann S.", "--into", "Acme", "--reason", "why not")
    assert ended.value.code == 1
    assert PatchBatch.objects.get(source=None).status == "rejected"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["merge", "Ann S.", "--into", "Ann Smith"], "say why"),
        (["merge", "Ann S.", "--reason", "one"], "give --into NAME"),
        (["merge", "Anne S.", "--into", "Acme", "--reason", "one"], "nothing is called 'Anne S.'"),
        (["merge", "Acme", "--into", "Acme", "--reason", "one"], "one already"),
        (["split", "Acme", "--reason", "two"], "counts as nobody else"),
        (["split", "Acme", "--type", "person", "--reason", "two"], "no person is called 'Acme'"),
        (["show"], "give NAME"),
    ],
)
def test_what_cannot_be_done_is_said_and_how_it_could(entities, arguments, words):
    with pytest.raises(CommandError, match=words) as ended:
        entities(told, *arguments)
    assert ended.value.returncode == 2


def test_one_name_of_several_kinds_asks_which_is_meant(entities):
    ann = Entity.objects.get(key="acme")
    Entity.objects.create(
        id="0f5b3f6e-8f0c-5d0a-9a3e-2f6f1f0c7a12", reflection=ann.reflection, type="place", key="acme", name="Acme"
    )
    with pytest.raises(CommandError, match="several are called 'acme'"):
        entities(told, "show", "acme")
    assert entities(said, "show", "acme", "--type", "place")["entity"]["facts"] == 0
