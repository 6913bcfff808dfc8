"""Templates of a script: strings with {{ … }} in them, rendered in a sandbox over a scene's names.

A string that is one {{ … }} and nothing else gives the value itself (a list stays a list, a number a
number); any other gives text. Results of tools are data: braces in them are never rendered. A name
that does not exist is a mistake and not an empty text. Beside jinja's own filters there are `lines`
(the lines of a text that are not blank) and `parse` (JSON to values).

Jinja costs a tenth of a second to import; this module is imported only for a script with braces.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from folkmoot.core.errors import Invalid, ModelRejected

Make = Callable[[dict[str, Any]], Any]

_ALONE = re.compile(r"\s*\{\{((?:(?!\}\}|\{\{).)*)\}\}\s*", re.DOTALL)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # text for a model: there is no HTML to escape
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lines"] = _lines
    environment.filters["parse"] = json.loads
    return environment


_ENVIRONMENT = _environment()


def text(source: str) -> Make:
    """Compile a string; what it makes is text, or the value itself where it is one {{ … }} alone."""
    alone = _ALONE.fullmatch(source)
    if alone is not None:
        return expression(alone.group(1))
    template = _compiled(source, _ENVIRONMENT.from_string)
    return lambda names: _run(lambda: template.render(names), source)


def expression(source: str) -> Make:
    """Compile an expression (no braces around it); what it makes is a value."""
    compiled = _compiled(
        source, lambda text: _ENVIRONMENT.compile_expression(text, undefined_to_none=False)
    )
    return lambda names: _value(_run(lambda: compiled(**names), source), source)


def _compiled(source: str, compiler: Callable[[str], Any]) -> Any:
    try:
        return compiler(source)
    except TemplateError as fault:
        raise Invalid(f"{source!r} is not a template: {fault}.") from None


def _run(render: Callable[[], Any], source: str) -> Any:
    try:
        return render()
    except Exception as fault:  # noqa: BLE001 - a template may raise whatever Python may
        reason = f"{type(fault).__name__}: {fault}"
    raise ModelRejected(f"The script's template {source.strip()[:200]!r} failed: {reason}")


def _value(value: Any, source: str) -> Any:
    """Return a plain value: no generator that is empty the second time, nothing undefined."""
    if isinstance(value, Undefined):
        raise ModelRejected(f"The script's expression {source.strip()!r} has no value here.")
    return list(value) if isinstance(value, Iterator) else value
