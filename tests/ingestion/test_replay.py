"""manage.py gate replay: what another policy would have made of what came in."""

import json

import pytest

from ingestion import reviewing
from patches.evaluation.policies import current, publish
from patches.evaluation.policy import read
from patches.evaluation.replay import replay
from patches.models import PatchBatch, Verdict
from tests.builders import make_source
from tests.flying import deliver, work_off
from tests.ingestion.test_commands import said, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ALL_ASKED = {"checks": {"source_is_trusted": {"limit": 0}}}
SHORT = "led_by: Acme > Ann [2011..]"


@pytest.fixture
def owner():
    source = make_source()
    deliver(
        source, a=SHORT, b="led_by: Acme > Bob [2015..]\nworks_for: Ann > Acme [1990..1980]\n" + "member_of: Ann > Acme"
    )
    work_off()
    return source.reflection


@pytest.fixture
def policy(tmp_path):
    def write(body: object) -> str:
        (tmp_path / "strict.json").write_text(json.dumps(body))
        return str(tmp_path / "strict.json")

    return write


def test_the_policy_of_the_day_would_have_decided_the_same(owner, policy):
    assert replay(owner.pk, current(owner.pk)).differing == []
    done = said("gate", "replay", "--policy", policy({}), "--reflection", owner.name)
    assert (done["looked_at"], done["differing"], done["decisions"]) == (2, 0, {"approve → approve": 2})


def test_a_stricter_policy_says_what_it_would_have_held_back_and_why(owner, policy):
    given = ("gate", "replay", "--policy", policy(ALL_ASKED), "--reflection", owner.name)
    done = said(*given, status=4)
    assert {(one["was"], one["would"]) for one in done["batches"]} == {("approve", "review")}
    assert {tuple(one["because"]) for one in done["batches"]} >= {("source_is_trusted",)}
    assert "source_is_trusted" in told(*given, status=4)
    assert len(said(*given, "--limit", 1, status=4)["batches"]) == 1
    assert {batch.status for batch in PatchBatch.objects.all()} == {"applied"}
    assert Verdict.objects.count() == 2


def test_a_looser_policy_says_what_it_would_have_let_in(owner):
    publish(owner, "all-asked", ALL_ASKED, by="t", why="x")
    deliver(make_source(reflection=owner), c="led_by: Bolt > Eve [2012..]")
    work_off()
    waiting = PatchBatch.objects.latest("pk")
    reviewing.approve(PatchBatch.objects.filter(pk=waiting.pk), "I know them", by="ann")
    [one] = replay(owner.pk, read({})).differing  # what the gate said, not the person after it
    assert (one.batch, one.was, one.would, one.policy) == (waiting.pk, "review", "approve", "all-asked-1")


def test_single_patches_differ_too(owner):
    both = "led_by: Bolt > Eve [2012..]\nled_by: Bolt > Dan [2012..]"
    others = "\n".join(f"works_for: P{n} > Bolt" for n in range(3))
    deliver(make_source(reflection=owner), c=f"{both}\n{others}")
    work_off()
    [one] = replay(owner.pk, read({"checks": {"one_value_at_a_time": {"then": "note"}}})).differing
    assert (one.was, one.would, one.let_in, one.kept_out) == ("approve", "approve", [1, 2], [])


def test_only_what_was_judged_since_is_looked_at(owner, policy):
    given = ("gate", "replay", "--policy", policy(ALL_ASKED), "--reflection", owner.name)
    assert said(*given, "--since", "9000")["looked_at"] == 0
    assert said(*given, "--since", "2020-01", status=4)["looked_at"] == 2


@pytest.mark.parametrize("body", [{"checks": {"no_such": {}}}, [1], {"checks": {"quote_is_verbatim": {"limit": 3}}}])
def test_what_is_no_policy_is_refused(owner, policy, body):
    told("gate", "replay", "--policy", policy(body), "--reflection", owner.name, status=2)


def test_it_needs_a_policy_a_reflection_and_a_date_that_are_there(owner, policy):
    told("gate", "replay", "--reflection", owner.name, status=2)
    told("gate", "replay", "--policy", "/nowhere.json", "--reflection", owner.name, status=2)
    told("gate", "replay", "--policy", policy({}), "--reflection", "nothing", status=2)
    told("gate", "replay", "--policy", policy({}), "--reflection", owner.name, "--since", "soon", status=2)
