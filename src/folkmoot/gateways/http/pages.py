"""Pages: the reference at /docs, made from the OpenAPI document here, without any script.

The pages that FastAPI brings load their scripts from a content delivery network: they stay empty
without one, and let it run code in the reader's browser beside a server that needs no key.
"""

from html import escape
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem}h3 code{font-size:1.05em}table{border-collapse:collapse;margin:.5rem 0}
td,th{border:1px solid #8885;padding:.2rem .6rem;text-align:left;vertical-align:top}
code{font-family:ui-monospace,monospace}.method{text-transform:uppercase;font-weight:700}
:root{color-scheme:light dark}
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show every route and every body."""
    page = render(request.app.openapi())
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(page, headers=policy)


def render(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as one HTML page."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    routes = "".join(
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(_schema(*item) for item in document["components"]["schemas"].items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>{escape(document['info'].get('description', ''))}</p>"
        f"<p><a href=/openapi.json>openapi.json</a></p>"
        f"<h2>Routes</h2>{routes}<h2>Bodies</h2>{schemas}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    about = escape(operation.get("description") or operation.get("summary", ""))
    parameters = [
        (parameter["name"], parameter["in"], parameter["schema"], parameter.get("description", ""))
        for parameter in operation.get("parameters", [])
    ]
    rows = "".join(
        _row(f"<code>{escape(name)}</code>", escape(place), _kind(schema), escape(note))
        for name, place, schema, note in parameters
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    asked = f"<p>Body: {_kind(body['schema'])}</p>" if body else ""
    answers = "".join(
        _row(escape(status), _content(answer), escape(answer.get("description", "")))
        for status, answer in operation["responses"].items()
    )
    head = f"<span class=method>{escape(method)}</span> {escape(path)}"
    table = f"<table>{rows}</table>" if rows else ""
    return f"<h3><code>{head}</code></h3><p>{about}</p>{table}{asked}<table>{answers}</table>"


def _content(answer: dict[str, Any]) -> str:
    return ", ".join(_kind(given.get("schema", {})) for given in answer.get("content", {}).values())


def _schema(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = "".join(
        _row(
            f"<code>{escape(field)}</code>",
            _kind(inner) + ("" if field in needed else ", optional"),
            escape(inner.get("description", "")),
        )
        for field, inner in schema.get("properties", {}).items()
    )
    values = ", ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", []))
    about = escape(schema.get("description", ""))
    return f"<h3 id={escape(name)}><code>{escape(name)}</code></h3><p>{about} {values}</p><table>{rows}</table>"


def _kind(schema: dict[str, Any]) -> str:
    """Return what a schema allows, in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f"<a href=#{name}>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_kind(inner) for inner in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
