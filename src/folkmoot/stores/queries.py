"""Named SQL: text files with `-- name: x` headings, read once.

A `{name}` in a statement is replaced by the statement of that name; `{rows}` is filled in by `many`.
"""

import re
from functools import cache
from importlib import resources

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def load(engine: str) -> dict[str, str]:
    """Return all statements of an engine (`sqlite`), by name, comments taken out."""
    text = resources.files("folkmoot.stores").joinpath(f"sql/{engine}.sql").read_text("utf-8")
    parts = _HEADING.split(text)[1:]
    plain = {
        name: "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }
    for fragment in ("run_columns", "now"):
        for name, body in plain.items():
            plain[name] = body.replace("{" + fragment + "}", plain[fragment])
    return plain


@cache
def many(engine: str, name: str, columns: int, rows: int) -> str:
    """Return a statement for this many rows of placeholders."""
    row = "(" + ",".join("?" * columns) + ")"
    return load(engine)[name].replace("{rows}", ",".join([row] * rows))
