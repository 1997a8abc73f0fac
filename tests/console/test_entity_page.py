"""An entity's page draws what is known of it over time, from any moment of both clocks, which stand in the address."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from console.lanes import WIDE, Axis, Bar, axis_of, picture, rows
from handoffs.models import Source
from ingestion.golden import add
from patches.models import ApplyTransaction, Entity, GoldenQuestion
from tests.builders import make_source
from tests.flying import deliver, work_off

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AXIS = Axis(datetime(2000, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))


def year(number: int) -> datetime:
    return datetime(number, 1, 1, tzinfo=UTC)


def bar(lane: str, name: str, start: int | None, end: int | None, kind: str = "bar holds") -> Bar:
    return Bar(lane, name, start and year(start), end and year(end), kind, f"{name}!")


def test_what_holds_at_once_stands_below_each_other_and_what_follows_in_one_row() -> None:
    bars = [bar("led by", "Ann", 2001, 2005), bar("led by", "Bob", 2005, None), bar("part of", "X", None, 2010)]
    both = [*bars, bar("led by", "Cat", 2004, 2006)]

    assert [(row, one.name) for row, one in rows(bars, AXIS)] == [(0, "Ann"), (0, "Bob"), (1, "X")]
    assert [(row, one.name) for row, one in rows(both, AXIS)] == [(0, "Ann"), (1, "Cat"), (0, "Bob"), (2, "X")]


def test_open_ends_reach_the_edges_and_say_so() -> None:
    drawn = picture([bar("led by", "<Ann>", None, None)], label="of Acme", now=NOW)

    assert "◂ &lt;Ann&gt; ▸" in drawn
    assert "<Ann>" not in drawn
    assert "style" not in drawn
    [x, width] = re.findall(r'<svg class="bar holds" x="([\d.]+)" y="\d+" width="([\d.]+)"', drawn)[0]
    assert float(x) + float(width) > WIDE - 3


def test_the_axis_has_room_for_all_that_is_known_and_for_the_moment_asked_about() -> None:
    ended = [bar("led by", "Ann", 2001, 2005)]

    assert axis_of(ended, None, NOW).end.year == 2005
    assert axis_of(ended, year(2015), NOW).end > year(2015)
    assert axis_of([*ended, bar("led by", "Bob", 2005, None)], None, NOW).end > NOW
    assert axis_of([bar("x", "y", None, None)], None, NOW).begin < NOW
    assert picture([], label="", now=NOW) == ""


def test_times_at_the_ends_of_the_calendar_can_be_drawn() -> None:
    edge = Bar("x", "y", datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "bar holds", "")

    assert "<svg" in picture([edge], label="", now=NOW)


@pytest.fixture
def page(models: object) -> str:  # noqa: ARG001  in place before anything is ingested
    """Ann led Acme; then a second document says that Bob does since 2016."""
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]")
    work_off()
    deliver(source, b="led_by: Acme > Bob <b> [2016..]")
    work_off()
    return reverse("admin:patches_entity_change", args=[Entity.objects.get(key="acme").pk])


def bars(text: str, kind: str) -> list[str]:
    return re.findall(rf'<svg class="bar {kind}".*?<text x="5" y="14">(.*?)</text>', text)


@pytest.mark.django_db
def test_what_is_known_is_drawn_and_told_with_its_words(admin_client: Client, page: str) -> None:
    text = admin_client.get(page).content.decode()

    assert bars(text, "holds") == ["Ann", "Bob &lt;b&gt; ▸"]
    assert "<q>led_by: Acme &gt; Bob &lt;b&gt; [2016..]</q>" in text
    assert " style=" not in text


@pytest.mark.django_db
def test_the_address_says_from_when_one_looks(admin_client: Client, page: str) -> None:
    then = admin_client.get(page, {"valid_at": "2012"}).content.decode()
    first = ApplyTransaction.objects.earliest("seq").seq
    before = admin_client.get(page, {"known_at": first}).content.decode()
    all_of_it = admin_client.get(page, {"history": "1"}).content.decode()

    assert (bars(then, "holds"), bars(then, "other")) == (["Ann"], ["Bob &lt;b&gt; ▸"])
    assert 'class="mark"' in then
    assert "Bob" not in then.partition("<table>")[2].partition("</table>")[0]
    assert bars(before, "holds") == ["Ann ▸"]
    assert bars(all_of_it, "past") == ["Ann ▸"]
    assert f'href="?known_at={first}"' in before


@pytest.mark.django_db
@pytest.mark.parametrize("asked", [{"valid_at": "soon"}, {"known_at": "999999999"}, {"known_at": '"><script>'}])
def test_what_cannot_be_understood_is_said_and_the_present_shown(
    admin_client: Client, page: str, asked: dict[str, str]
) -> None:
    text = admin_client.get(page, asked).content.decode()

    assert "errornote" in text
    assert bars(text, "holds") == ["Ann", "Bob &lt;b&gt; ▸"]
    assert "<script>" not in text


@pytest.mark.django_db
def test_a_golden_question_is_asked_on_its_page(admin_client: Client, page: str) -> None:
    source = Source.objects.latest("pk")
    kept = add(source.reflection, "led_by Acme Ann", documents=["a"], by="ann")
    missed = GoldenQuestion.objects.create(reflection=source.reflection, question="x", documents=["zzz"], by="ann")
    asked = [reverse("admin:patches_goldenquestion_change", args=[one.pk]) for one in (kept, missed)]

    assert "Nothing that it expects is missing" not in admin_client.get(asked[0]).content.decode()
    found, lost = (admin_client.get(where, {"ask": "1"}).content.decode() for where in asked)

    assert page
    assert "<b>100 %</b>" in found
    assert "Nothing that it expects is missing" in found
    assert '<span class="state no">missing</span> zzz' in lost
