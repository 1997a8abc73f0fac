from typing import Any

import pytest


@pytest.fixture(autouse=True)
def quick_pages(settings: Any) -> None:
    """The console warns of a missing static folder, here an error; a strong hash costs half a second."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
