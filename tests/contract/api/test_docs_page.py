"""/docs: every route and shape of the schema, and nothing that a browser would load from elsewhere or run."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.api.docs import kind_of, render

if TYPE_CHECKING:
    from tests.contract.api.conftest import Site

VOID = {"meta", "link", "br"}


class Reading(HTMLParser):
    """What a page holds, and whether its elements are closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.elements.add(tag)
        self.attributes |= set(told)
        if "id" in told:
            self.ids.append(told["id"] or "")
        (self.links if tag == "a" else self.loads).extend(told[name] or "" for name in ("href", "src") if name in told)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def read(site: Site) -> Reading:
    return Reading(site.get("/docs").text)


def test_it_loads_a_style_of_ours_and_runs_nothing(site: Site, read: Reading) -> None:
    assert read.open == []
    assert read.loads == ["/page/docs.css"]
    assert site.get("/page/docs.css").headers["content-type"].startswith("text/css")
    assert not read.elements & {"script", "style", "iframe", "img", "form"}
    assert not {name for name in read.attributes if name.startswith("on") or name == "style"}
    policy = site.get("/docs").headers["content-security-policy"]
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_every_route_and_shape_is_there(site: Site, read: Reading) -> None:
    schema = site.get("/openapi.json").json()
    text = site.get("/docs").text
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert f"<b>{method.upper()}</b> <code>{path}</code>" in text
            assert operation["operationId"] in read.ids
    assert set(schema["components"]["schemas"]) <= set(read.ids)
    assert len(set(read.ids)) == len(read.ids)


def test_its_links_lead_somewhere(site: Site, read: Reading) -> None:
    for link in set(read.links):
        if link.startswith("#"):
            assert link[1:] in read.ids
        else:
            assert site.get(link).status_code == 200


def test_what_the_schema_says_is_only_text() -> None:
    evil = "<script>alert(1)</script>"
    operation = {"operationId": evil, "summary": evil, "description": evil, "responses": {"200": {"description": evil}}}
    shape = {"properties": {evil: {"type": evil, "description": evil, "enum": [evil]}}, "description": evil}
    schema: dict[str, Any] = {
        "info": {"title": evil, "version": evil, "description": evil},
        "paths": {f"/{evil}": {"get": {**operation, "tags": [evil]}}},
        "components": {"schemas": {evil: shape}},
    }
    assert "<script" not in "".join(render(schema))


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "minLength": 1, "maxLength": 64}, "string, from 1 to 64 characters"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer, from 1 to 9"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}, 'list of <a href="#Job">Job</a>'),
        ({"enum": ["a", "b"]}, "one of <code>a</code>, <code>b</code>"),
        ({"const": "x"}, "one of <code>x</code>"),
        ({"type": "string", "format": "binary"}, "string (binary)"),
        ({}, "anything"),
    ],
)
def test_kinds_are_told_in_a_few_words(shape: dict[str, Any], told: str) -> None:
    assert kind_of(shape) == told
