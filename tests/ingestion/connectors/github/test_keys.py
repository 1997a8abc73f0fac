"""As whom GitHub is asked: with a token, as an app, or as nobody; and what nobody else may see of it."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from ingestion import connectors
from ingestion.connectors.github import GitHub
from ingestion.connectors.github.api import addresses
from ledger.failures import Auth
from ledger.reasons import Reason
from tests.ingestion.connectors.github.asking import commit, listing, port


@pytest.fixture(scope="module")
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def app(server, app_key) -> Callable[..., GitHub]:
    public = app_key.public_key()
    server.apps_key = lambda said, signature: public.verify(signature, said, PKCS1v15(), hashes.SHA256())
    pem = app_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    return lambda **options: port(
        server, **{"token": "", "app_id": "12", "installation_id": "34", "private_key": pem} | options
    )


def test_an_app_gets_a_token_with_its_signature_and_uses_it_until_it_is_refused(server, app):
    commit(server, {"a.md": b"a"})
    _, cursor = listing(app())
    asked = server.asked()
    assert asked[0] == "POST /api/v3/app/installations/34/access_tokens"
    assert len(asked) == 3

    listing(app(), cursor)
    assert server.asked() == ["GET commits/HEAD"]

    server.token = "ghs_another"  # noqa: S105  a test's
    with pytest.raises(Auth):
        listing(app(), cursor)
    server.asked()
    listing(app(), cursor)
    assert server.asked() == ["POST /api/v3/app/installations/34/access_tokens", "GET commits/HEAD"]


@pytest.mark.parametrize("options", [{"app_id": "13"}, {"private_key": "no key"}], ids=["another app", "no key"])
def test_an_app_that_is_not_known_is_told_so(app, options):
    with pytest.raises(Auth) as failure:
        app(**options).check()
    assert failure.value.reason == Reason.KEY_REFUSED


def test_addresses_are_those_of_the_documentation():
    assert addresses("https://github.com") == ("https://api.github.com", "https://api.github.com/graphql")
    assert addresses("https://octo.ghe.com/")[0] == "https://api.octo.ghe.com"
    own = ("https://git.example.org/api/v3", "https://git.example.org/api/graphql")
    assert addresses("https://git.example.org") == addresses("https://git.example.org/api/v3") == own


@pytest.mark.parametrize("options", [{"repository": "orchard"}, {"contents": ["stars"]}])
def test_options_that_mean_nothing_are_refused(server, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        port(server, **options)


def test_nothing_shows_a_secret(server):
    app = {**server.options(), "app_id": "1", "installation_id": "2"}
    found = connectors.connect("github", app, {"token": "ghp_1", "private_key": "PEM"})
    assert isinstance(found, GitHub)
    shown = f"{found!r} {found.api!r} {found.api.key!r}"
    assert "ghp_1" not in shown
    assert "PEM" not in shown
