"""docker-compose.yml and Dockerfile: what they promise, and that what they name exists."""

import re
import shlex
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.environment import variables

CHECKOUT = Path(__file__).resolve().parents[2]
IGNORED = (CHECKOUT / ".dockerignore").read_text()


def with_defaults(text: str) -> str:
    """Fill in ${NAME:-default} as compose does where nothing is set, and $$ as a dollar."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


COMPOSE: dict[str, Any] = yaml.safe_load(with_defaults((CHECKOUT / "docker-compose.yml").read_text()))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == COMPOSE["name"])
ONE_SHOT = {"migrate"}
every_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_of_ours = pytest.mark.parametrize("name", OURS)


def words(name: str) -> list[str]:
    """Return a service's command without the shell around it and the variables before it."""
    command = SERVICES[name]["command"]
    parts = shlex.split(command[2]) if command[:2] == ["sh", "-c"] else command
    return parts[parts.index("exec") + 1 :] if "exec" in parts else parts


def management_commands() -> set[str]:
    django = Path(str(find_spec("django").origin)).parent
    folders = [django / "core/management/commands", *CHECKOUT.glob("*/management/commands")]
    return {file.stem for folder in folders for file in folder.glob("[!_]*.py")}


def test_the_services_are_all_there() -> None:
    assert OURS == ["beat", "dispatcher", "flower", "migrate", "syncer", "web", "worker"]
    assert SERVICES.keys() - OURS == {"postgres", "redis"}


@every_service
def test_a_service_tells_its_health_or_runs_once(name: str) -> None:
    service = SERVICES[name]

    assert ("healthcheck" in service) != (name in ONE_SHOT)
    assert service["restart"] == ("on-failure:3" if name in ONE_SHOT else "unless-stopped")
    assert name in ONE_SHOT or "stop_grace_period" in service


@every_service
def test_a_service_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    uid, gid = service["user"].split(":")

    assert 0 not in (int(uid), int(gid))
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@every_service
def test_ports_are_published_on_the_loopback_alone(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].get("network_mode") is None


def test_the_servers_are_published_nowhere() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["inside"]
        assert "ports" not in SERVICES[name]


@every_service
def test_what_a_service_waits_for_can_happen(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wait == {"condition": expected}


@each_of_ours
def test_secrets_come_as_files_that_are_mounted(name: str) -> None:
    service = SERVICES[name]
    known = {variable.name for variable in variables()}

    for variable, value in service["environment"].items():
        assert variable.removesuffix("_FILE") in known
        if variable.endswith("_FILE"):
            assert Path(value).name in service["secrets"]
    assert {"DATABASE_URL_FILE", "REDIS_URL_FILE", "SLUICEGATE_SECRET_KEY_FILE"} <= service["environment"].keys()


@every_service
def test_what_a_service_mounts_is_declared_and_outlives_it(name: str) -> None:
    service = SERVICES[name]

    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    assert {volume.split(":")[0] for volume in service["volumes"]} <= COMPOSE["volumes"].keys()
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())


@each_of_ours
def test_the_command_exists(name: str) -> None:
    program, *arguments = words(name)

    if program == "python":
        assert (CHECKOUT / arguments[0]).is_file()
        assert arguments[1] in management_commands()
    elif program == "gunicorn":
        assert find_spec(arguments[0]) is not None
    else:
        assert (program, arguments[:2]) == ("celery", ["-A", "config"])
        plugins = {point.name for point in entry_points(group="celery.commands")}
        assert arguments[2] in plugins | {"worker", "beat"}


def test_the_workers_serve_the_queues_that_are_dispatched_to() -> None:
    commands = [words(name) for name in ("worker", "syncer")]

    assert [command[command.index("-Q") + 1] for command in commands] == ["stages", "sync"]


def test_the_broker_keeps_messages() -> None:
    command = " ".join(words("redis"))

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_image_is_locked_unprivileged_and_has_every_app() -> None:
    recipe = (CHECKOUT / "Dockerfile").read_text()
    apps = {folder.parent.name for folder in CHECKOUT.glob("*/migrations")} | {"config"}

    assert "--require-hashes" in recipe
    assert re.search(r"^USER 10001:10001$", recipe, re.MULTILINE)
    assert {"HF_HUB_OFFLINE=1", "TOKENIZERS_PARALLELISM=false"} <= set(recipe.split())
    assert IGNORED.splitlines()[1] == "*"
    assert apps <= {line.removeprefix("!") for line in IGNORED.splitlines()}
