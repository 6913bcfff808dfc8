"""The JSON Schema of the agent file (draft 2020-12), for editors and for other programs.

    python -m folkmoot.agents.schema            prints it
    python -m folkmoot.agents.schema FILE       writes it

schemas/agent.schema.json is this output; a test holds them equal. The schema says what the form of a
file must be; what only a loader can tell (names of tools, files that exist) is not in it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from folkmoot.agents.file import form

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the agent file."""
    made = _plain(form())
    return {"$schema": _DRAFT, "title": "Folkmoot agent file", **made}


def text() -> str:
    """Return the schema as it is checked in."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any, *, names: bool = False) -> Any:
    """Drop the titles that pydantic makes of names: in an editor they hide the descriptions.

    `names` means that the keys are names of fields and not words of JSON Schema.
    """
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _plain(inner, names=key in {"properties", "$defs"} and not names)
        for key, inner in value.items()
        if names or key != "title"
    }


def main(arguments: list[str]) -> None:
    """Print the schema, or write it to the file that is named. No option is taken for a file."""
    if any(each.startswith("-") for each in arguments):
        sys.exit("usage: python -m folkmoot.agents.schema [FILE]")
    if arguments:
        Path(arguments[0]).write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())


if __name__ == "__main__":
    main(sys.argv[1:])
