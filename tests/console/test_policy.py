"""What browsers are told, who may try passwords, and what a deployment's own check says."""

import os
import secrets
import subprocess
import sys

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.conftest import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def static_files(settings):
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # the web process makes it


@pytest.mark.parametrize("url", ["/admin/login/", "/healthz", "/api/v1/handoffs", "/nowhere"])
def test_every_page_loads_from_here_alone(url):
    policy = Client().get(url).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def attempt(client: Client, name: str, password: str, address: str = "10.0.0.1", **headers: str) -> int:
    form = {"username": name, "password": password, "next": "/admin/"}
    return client.post("/admin/login/", form, REMOTE_ADDR=address, headers=headers).status_code


def test_who_guesses_passwords_is_made_to_wait_and_nobody_else_is(settings):
    get_user_model()._default_manager.create_superuser("ann", password="a good password")  # noqa: S106
    guesser = Client()
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert attempt(guesser, "ann", "wrong") == 200
    assert attempt(guesser, "ann", "wrong") == 429
    assert attempt(guesser, "ann", "a good password") == 429
    assert attempt(Client(), "ann", "a good password", "10.0.0.2") == 302


def test_behind_a_proxy_who_guesses_locks_nobody_else_out_and_cannot_call_themselves_another(settings):
    get_user_model()._default_manager.create_superuser("ann", password="a good password")  # noqa: S106
    settings.TRUST_PROXY = True
    for guess in range(settings.AXES_FAILURE_LIMIT):
        last = attempt(Client(), "ann", "wrong", **{"x-forwarded-for": f"198.51.100.{guess}, 203.0.113.7"})
    assert last == 429
    assert attempt(Client(), "ann", "a good password", **{"x-forwarded-for": "203.0.113.8"}) == 302


def test_without_a_trusted_proxy_nobody_says_where_they_are(settings):
    get_user_model()._default_manager.create_superuser("ann", password="a good password")  # noqa: S106
    for guess in range(settings.AXES_FAILURE_LIMIT):
        last = attempt(Client(), "ann", "wrong", **{"x-forwarded-for": f"198.51.100.{guess}"})
    assert last == 429


def test_a_deployment_passes_djangos_own_check():
    given = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://u:p@127.0.0.1/x",
        "REDIS_URL": "redis://127.0.0.1/0",
        "SLUICEGATE_SECRET_KEY": secrets.token_urlsafe(60),
        "SLUICEGATE_ALLOWED_HOSTS": "gate.example.org",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
