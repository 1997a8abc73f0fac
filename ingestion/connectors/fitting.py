"""Whether arguments make a connector: that they have the names and types that it takes, and what it says of them."""

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ingestion.ports import SourcePort


def fit(connector: Callable[..., SourcePort], options: Mapping[str, Any], secrets: Mapping[str, str]) -> SourcePort:
    """Return the connector that they make; asks nobody. A text that says a number, or true or false, is taken for it.

    Raises ValueError, which says what to mend and names no value of a secret.
    """
    if both := sorted(options.keys() & secrets.keys()):
        raise ValueError(f"{', '.join(both)}: given both as an option and as a secret; leave the option out")
    given = {**options, **secrets}
    try:
        inspect.signature(connector).bind(**given)
        return connector(**{name: _typed(connector, name, value) for name, value in given.items()})
    except (TypeError, RuntimeError) as exc:  # RuntimeError: the home folder of somebody who has none
        raise ValueError(str(exc)) from exc


def _typed(connector: Callable[..., SourcePort], name: str, value: object) -> Any:
    try:
        return _adapters(connector)[name].validate_python(value)
    except ValidationError as exc:
        said = "; ".join(dict.fromkeys(str(error["msg"]) for error in exc.errors(include_input=False)))
        raise ValueError(f"{name}: {said} (KEY=VALUE is a text, KEY:=JSON is a number, a list or true)") from None


@cache
def _adapters(connector: Callable[..., SourcePort]) -> Mapping[str, TypeAdapter[Any]]:
    hints = typing.get_type_hints(connector.__init__)
    return {name: TypeAdapter(hint) for name, hint in hints.items() if name != "return"}
