"""The environment: good values become typed ones, bad ones stop the start with a line that names the variable."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.environment import Environment, load, variables

KEY = "k" * 32
SEAL = "c2VhbHNlYWxzZWFsc2VhbHNlYWxzZWFsc2VhbHNlYWw="
POSTGRES = "postgresql://sluice:hush-hush@db:5432/sluice"
VALKEY = "redis://:hush-hush@broker:6379/0"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours but the state folder."""
    names = {variable.name for variable in variables()}
    for name in list(os.environ):
        if name.removesuffix("_FILE") in names:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICEGATE_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", POSTGRES)
    monkeypatch.setenv("REDIS_URL", VALKEY)
    monkeypatch.setenv("SLUICEGATE_SECRET_KEY", KEY)


def complaints() -> list[str]:
    with pytest.raises(SystemExit) as stopped:
        load()
    return str(stopped.value.code).splitlines()


def test_a_checkout_needs_no_variable(tmp_path: Path) -> None:
    environment = load()

    assert environment.embedded
    assert environment.state_dir == tmp_path / "state"
    assert environment.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert 1 <= environment.worker_concurrency <= 8
    assert (environment.lease_s, environment.flight_runs) == (60, 128)
    assert (environment.flight_bytes, environment.size_limit_bytes) == (16 * 2**20, 64 * 2**20)


@pytest.mark.usefixtures("served")
def test_variables_become_typed_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_ALLOWED_HOSTS", "gate.example.org, other.example.org")
    monkeypatch.setenv("SLUICEGATE_CSRF_TRUSTED_ORIGINS", "https://gate.example.org")
    monkeypatch.setenv("SLUICEGATE_WORKER_CONCURRENCY", "3")
    monkeypatch.setenv("SLUICEGATE_LOG_LEVEL", "debug")
    monkeypatch.setenv("SLUICEGATE_LOG_FORMAT", "json")
    monkeypatch.setenv("SLUICEGATE_DEBUG", "")  # as a compose file leaves it

    environment = load()

    assert not environment.embedded
    assert (environment.database_url, environment.redis_url, environment.secret_key) == (POSTGRES, VALKEY, KEY)
    assert environment.allowed_hosts == ("gate.example.org", "other.example.org")
    assert environment.csrf_trusted_origins == ("https://gate.example.org",)
    assert (environment.worker_concurrency, environment.debug) == (3, False)
    assert (environment.log_level, environment.log_format) == ("DEBUG", "json")


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://root:hush-hush@db/x"),
        ("REDIS_URL", "amqp://:hush-hush@broker"),
        ("REDIS_URL", "redis+sentinel://:hush-hush@one:26379"),
        ("SLUICEGATE_SECRET_KEY", "hush-hush"),
        ("SLUICEGATE_SOURCE_KEYS", "hush-hush"),
        ("SLUICEGATE_SOURCE_KEYS", SEAL + ",hush-hush"),
        ("SLUICEGATE_DEBUG", "perhaps"),
        ("SLUICEGATE_ALLOWED_HOSTS", " , "),
        ("SLUICEGATE_CSRF_TRUSTED_ORIGINS", "gate.example.org"),
        ("SLUICEGATE_CSRF_TRUSTED_ORIGINS", "https://gate.example.org/path"),
        ("SLUICEGATE_SECURE_COOKIES", "perhaps"),
        ("SLUICEGATE_LOG_LEVEL", "LOUD"),
        ("SLUICEGATE_LOG_FORMAT", "xml"),
        ("SLUICEGATE_LEASE_S", "0"),
        ("SLUICEGATE_FLIGHT_RUNS", "0"),
        ("SLUICEGATE_FLIGHT_BYTES", "16 MiB"),
        ("SLUICEGATE_SIZE_LIMIT_BYTES", "-1"),
        ("SLUICEGATE_WORKER_CONCURRENCY", "-1"),
        ("SLUICEGATE_WEB_PORT", "65536"),
        ("SLUICEGATE_FLOWER_PORT", "http"),
        ("SLUICEGATE_FLOWER_URL", "flower:5555"),
        ("SLUICEGATE_LOG_URL", "https://logs.example/?q="),
        ("SLUICEGATE_LOG_URL", "https://logs.example/?q={run}&as={user}"),
        ("SLUICEGATE_LOG_URL", "javascript:alert({run})"),
        ("SLUICEGATE_EXTRACTOR_URL", "localhost:11434/v1"),
        ("SLUICEGATE_EMBEDDINGS_URL", "https://user:hush-hush@models.example/v1"),
        ("SLUICEGATE_EXTRACTOR_INPUT_PRICE", "-1"),
        ("SLUICEGATE_EXTRACTOR_OUTPUT_PRICE", "NaN"),
        ("SLUICEGATE_EMBEDDINGS_DIM", "0"),
        ("SLUICEGATE_MODEL_TIMEOUT_S", "0"),
        ("SLUICEGATE_MODEL_CONCURRENCY", "1000"),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    (line,) = complaints()

    assert line.startswith(f"{variable}: ")
    assert "hush-hush" not in line


@pytest.mark.parametrize("port", ["EXTRACTOR", "EMBEDDINGS"])
def test_a_remote_model_needs_an_address_and_a_name(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv(f"SLUICEGATE_{port}", "openai")

    assert [line.split(":")[0] for line in complaints()] == [f"SLUICEGATE_{port}_URL", f"SLUICEGATE_{port}_MODEL"]


def test_a_remote_models_key_is_handed_on_and_not_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush-hush\n")
    monkeypatch.setenv("SLUICEGATE_EXTRACTOR", "openai")
    monkeypatch.setenv("SLUICEGATE_EXTRACTOR_URL", "http://localhost:11434/v1")
    monkeypatch.setenv("SLUICEGATE_EXTRACTOR_MODEL", "small")
    monkeypatch.setenv("SLUICEGATE_EXTRACTOR_KEY_FILE", str(tmp_path / "key"))

    environment = load()

    assert environment.extractor_options["key"].get_secret_value() == "hush-hush"
    assert "hush-hush" not in f"{environment!r} {environment.extractor_options} {environment.model_dump_json()}"
    assert environment.embeddings_options == {}


@pytest.mark.usefixtures("served")
def test_several_bad_values_are_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SLUICEGATE_WEB_PORT", "SLUICEGATE_LEASE_S", "DATABASE_URL"):
        monkeypatch.setenv(variable, "one\ntwo")

    assert {line.split(":")[0] for line in complaints()} == {
        "SLUICEGATE_WEB_PORT",
        "SLUICEGATE_LEASE_S",
        "DATABASE_URL",
    }
    assert len(complaints()) == 3


@pytest.mark.parametrize(("set_alone", "value"), [("DATABASE_URL", POSTGRES), ("REDIS_URL", VALKEY)])
def test_one_server_alone_is_refused(monkeypatch: pytest.MonkeyPatch, set_alone: str, value: str) -> None:
    monkeypatch.setenv(set_alone, value)
    monkeypatch.setenv("SLUICEGATE_SECRET_KEY", KEY)

    assert complaints() == ["REDIS_URL: set both DATABASE_URL and REDIS_URL, or neither for the embedded servers"]


@pytest.mark.usefixtures("served")
def test_with_a_database_the_secret_key_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUICEGATE_SECRET_KEY")

    assert [line.split(":")[0] for line in complaints()] == ["SLUICEGATE_SECRET_KEY"]


def test_secrets_can_be_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (("DATABASE_URL", POSTGRES), ("REDIS_URL", VALKEY), ("SLUICEGATE_SECRET_KEY", KEY)):
        (tmp_path / variable).write_text(f"{value}\n")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / variable))

    environment = load()

    assert (environment.database_url, environment.redis_url, environment.secret_key) == (POSTGRES, VALKEY, KEY)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL", "SLUICEGATE_SECRET_KEY"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe hush-hush"], ids=["missing", "binary"])
def test_a_secret_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, content: bytes | None
) -> None:
    file = tmp_path / "secret"
    if content:
        file.write_bytes(content)
    monkeypatch.delenv(variable)
    monkeypatch.setenv(f"{variable}_FILE", str(file))

    (line,) = complaints()

    assert line.startswith(f"{variable}_FILE: ")
    assert str(file) in line
    assert "hush-hush" not in line


def test_a_checkouts_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load().secret_key, range(32)))

    (key,) = keys
    kept = tmp_path / "state" / "secret_key"
    assert len(key) >= 32
    assert kept.read_text() == key
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert {file.name for file in kept.parent.iterdir()} == {"secret_key", "source_keys"}


def test_keys_that_seal_are_made_for_a_checkout_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load().own_source_keys
    assert own == tmp_path / "state" / "source_keys"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    made = own.read_text()
    assert (load().own_source_keys, own.read_text()) == (own, made)

    (tmp_path / "keys").write_text(f"{SEAL}\n{made}\n")
    monkeypatch.setenv("SLUICEGATE_SOURCE_KEYS_FILE", str(tmp_path / "keys"))
    assert (load().source_keys, load().own_source_keys) == ((SEAL, made), None)


@pytest.mark.usefixtures("served")
def test_no_key_is_made_beside_a_database_of_ones_own() -> None:
    assert (load().source_keys, load().own_source_keys) == ((), None)


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLUICEGATE_STATE_DIR", str(tmp_path / "file" / "state"))

    (line,) = complaints()

    assert line.startswith("SLUICEGATE_STATE_DIR: ")


@pytest.mark.parametrize(
    ("hosts", "asked", "secure"),
    [
        ("localhost,127.0.0.1", "", False),
        ("localhost,gate.example.org", "", True),
        ("*", "", True),
        ("localhost", "yes", True),
        ("gate.example.org", "no", False),
    ],
)
def test_cookies_need_https_unless_only_this_machine_can_ask(
    monkeypatch: pytest.MonkeyPatch, hosts: str, asked: str, secure: bool
) -> None:
    monkeypatch.setenv("SLUICEGATE_ALLOWED_HOSTS", hosts)
    monkeypatch.setenv("SLUICEGATE_SECURE_COOKIES", asked)

    assert load().secure_cookies is secure


@pytest.mark.usefixtures("served")
def test_no_secret_shows_when_it_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_SOURCE_KEYS", SEAL)
    shown = f"{load()!r} {load()!s}"

    assert "hush-hush" not in shown
    assert KEY not in shown
    assert SEAL not in shown


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().debug = True  # type: ignore[misc]


def test_every_variable_has_a_meaning_for_the_documents() -> None:
    documented = list(variables())

    assert len(documented) == len(Environment.model_fields)
    assert all(variable.meaning.endswith(".") for variable in documented)
    assert {"DATABASE_URL", "REDIS_URL", "SLUICEGATE_WEB_PORT"} <= {variable.name for variable in documented}
    assert (
        next(variable.default for variable in documented if variable.name == "SLUICEGATE_STATE_DIR") == "<checkout>/var"
    )
