"""A fact with the words that it rests on, and the list of facts by predicate and by what is in force."""

import re

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from ledger import rendering
from patches.models import Fact
from tests.builders import make_source
from tests.patches.test_revert import ANN, BOB, take_back, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

FACTS = reverse("admin:patches_fact_changelist")


def listed(client: Client, query: str) -> set[int]:
    page = client.get(f"{FACTS}?{query}").content.decode()
    return {int(pk) for pk in re.findall(r"/patches/fact/(\d+)/change/", page)}


def test_a_fact_shows_its_words_its_document_and_the_way_to_the_picture(admin_client: Client) -> None:
    batch = tell(make_source(), a=ANN)
    fact = Fact.objects.get()

    page = admin_client.get(rendering.page(fact)).content.decode()

    quote = batch.patches.get(op="assert_fact").payload["quote"]
    assert rendering.table(["words", "document"], [(quote, rendering.anchor(rendering.page(batch), "a"))]) in page
    assert f'<a href="{rendering.page(fact.subject)}">Acme, as a picture over time</a>' in page

    take_back(batch)
    assert quote.replace(">", "&gt;") in admin_client.get(rendering.page(fact)).content.decode()


def test_facts_are_narrowed_to_a_predicate_and_to_what_is_in_force(admin_client: Client) -> None:
    caches["process"].clear()
    source = make_source()
    tell(source, a=ANN)
    tell(source, b=BOB)
    tell(source, c="works_for: Cat > Acme [2001..]")
    closed = set(Fact.objects.filter(sys__upper_inf=False).values_list("pk", flat=True))
    held = set(Fact.objects.filter(object_text="Ann", sys__upper_inf=True).values_list("pk", flat=True))
    now = set(Fact.objects.values_list("pk", flat=True)) - closed - held
    of_work = set(Fact.objects.filter(predicate="works_for").values_list("pk", flat=True))
    assert closed
    assert held
    assert of_work < now

    assert listed(admin_client, "in_force=now") == now
    assert listed(admin_client, "predicate__name__exact=works_for") == of_work
    offered = admin_client.get(FACTS).content.decode()
    assert "?in_force=now" in offered
    assert "?predicate__name__exact=works_for" in offered
