"""GET /docs: the schema of the API as a page of ours, without a script, that loads its style from here alone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from halfgig.api.schema import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Schema = Mapping[str, Any]

router = APIRouter()

DOCS = "/docs"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
REFERENCE = "#/components/schemas/"
ORDINARY = frozenset({"400", "401", "403", "421", "422", "429", "500", "503"})  # what any route may answer
CURL = "curl http://localhost:8000"


@router.get(DOCS, include_in_schema=False)
async def show_docs(request: Request) -> HTMLResponse:
    """Every route with its fields and what it answers."""
    page = await run_in_threadpool(_page, request.app.openapi())
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})


def _page(schema: Schema) -> str:
    return "".join(render(schema))


def render(schema: Schema) -> Iterator[str]:
    """Yield the page for an OpenAPI schema."""
    about = schema["info"]
    title = f"{escape(about['title'])} {escape(about['version'])}"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<title>{title}: the API</title><link rel="stylesheet" href="/page/docs.css"></head><body>'
    yield f"<header><h1>{title}</h1>{_text(about['description'])}"
    yield "<p>What is marked with * must be given. Any route may also answer "
    yield f"{', '.join(sorted(ORDINARY))}, each with a problem that names a remedy.</p>"
    yield '<p><a href="/">The page</a> · <a href="/openapi.json">The schema</a> · <a href="/problems">Problems</a></p>'
    yield "</header><main>"
    tags = by_tag(schema)
    yield f"<nav><ul>{''.join(map(_link, (*tags, 'shapes')))}</ul></nav>"
    for tag, operations in tags.items():
        yield f'<section id="{escape(tag)}"><h2>{escape(tag.capitalize())}</h2>'
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
        yield "</section>"
    yield '<section id="shapes"><h2>Shapes</h2>'
    for name, shape in sorted(schema["components"]["schemas"].items()):
        yield f'<article id="{escape(name)}"><h3>{escape(name)}</h3>{_text(shape.get("description", ""))}'
        yield from _fields(shape)
        yield "</article>"
    yield "</section></main></body></html>\n"


def _link(name: str) -> str:
    return f'<li><a href="#{escape(name)}">{escape(name)}</a></li>'


def by_tag(schema: Schema) -> dict[str, list[tuple[str, str, Schema]]]:
    """Method, path and operation of every route, by the tag that it has, in their order."""
    tags: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, item in schema["paths"].items():
        for method in (method for method in METHODS if method in item):
            operation = item[method]
            tags.setdefault(operation.get("tags", ["other"])[0], []).append((method.upper(), path, operation))
    return tags


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f'<article id="{escape(operation["operationId"])}">'
    yield f"<h3><b>{method}</b> <code>{escape(path)}</code></h3><p>{escape(operation['summary'])}</p>"
    yield _text(operation.get("description", ""))
    yield f"<pre>{escape(_example(method, path, operation))}</pre>"
    if operation.get("parameters"):
        yield "<h4>Parameters</h4>"
        yield _table(
            (one["name"], f"{one['in']}, {kind_of(one['schema'])}", one.get("description", ""), one.get("required"))
            for one in operation["parameters"]
        )
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<h4>Body, {escape(kind)}</h4>"
        yield from _body(content.get("schema", {}))
    yield f"<h4>Answers</h4><ul>{''.join(_answers(operation))}</ul></article>"


def _body(shape: Schema) -> Iterator[str]:
    if "properties" in shape:
        yield from _fields(shape)
    elif shape:
        yield f"<p>{kind_of(shape)}</p>"


def _answers(operation: Schema) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        if status in ORDINARY:
            continue
        kinds = (
            f"{escape(kind)}: {kind_of(told.get('schema', {}))}" for kind, told in answer.get("content", {}).items()
        )
        yield f"<li><b>{escape(status)}</b> {escape(answer.get('description', ''))} {', '.join(kinds)}</li>"


def _fields(shape: Schema) -> Iterator[str]:
    """The table of an object's members; of another shape, what it is."""
    if "properties" not in shape:
        yield f"<p>{kind_of(shape)}</p>"
        return
    needed = shape.get("required", ())
    yield _table(
        (name, kind_of(field), field.get("description", ""), name in needed)
        for name, field in shape["properties"].items()
    )


def _table(rows: Iterator[tuple[str, str, str, Any]]) -> str:
    """Rows of name, kind as HTML, description, and whether it is required."""
    cells = (
        f"<tr><th scope='row'><code>{escape(name)}</code>{' *' if needed else ''}</th>"
        f"<td>{kind}</td><td>{escape(description)}</td></tr>"
        for name, kind, description, needed in rows
    )
    return f"<table><tbody>{''.join(cells)}</tbody></table>"


def kind_of(shape: Schema) -> str:
    """What values a schema means, in a few words, as HTML."""
    if "$ref" in shape:
        name = escape(shape["$ref"].removeprefix(REFERENCE))
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in shape:
            return " or ".join(map(kind_of, shape[several]))
    if "enum" in shape or "const" in shape:
        values = shape.get("enum", [shape.get("const")])
        return "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in values)
    kind = str(shape.get("type", "anything"))
    if kind == "array":
        return f"list of {kind_of(shape.get('items', {}))}"
    return escape(f"{kind} ({shape['format']})" if "format" in shape else kind) + _bounds(shape)


def _bounds(shape: Schema) -> str:
    bounds = {"from": ("minimum", "minLength"), "to": ("maximum", "maxLength")}
    told = [f"{word} {shape[name]}" for word, names in bounds.items() for name in names if name in shape]
    unit = " characters" if {"minLength", "maxLength"} & set(shape) else ""
    return f", {escape(' '.join(told))}{unit}" if told else ""


def _example(method: str, path: str, operation: Schema) -> str:
    """How a shell would ask."""
    place = path.replace("{", "").replace("}", "")
    for name in ("job_id", "source_id", "upload_id"):
        place = place.replace(name, "ID")
    asked = f"{CURL}{place}" if method == "GET" else f"{CURL}{place} -X {method}"
    takes_json = "application/json" in operation.get("requestBody", {}).get("content", {})
    return f"{asked} -H 'Content-Type: application/json' -d '{{...}}'" if takes_json else asked


def _text(description: str) -> str:
    """A description as paragraphs, with what stands between backticks as code."""
    paragraphs = (" ".join(part.split()) for part in description.split("\n\n") if part.strip())
    return "".join(f"<p>{_coded(escape(paragraph, quote=False))}</p>" for paragraph in paragraphs)


def _coded(text: str) -> str:
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return text
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
