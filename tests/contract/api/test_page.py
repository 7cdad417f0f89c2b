"""The page as a browser loads it: / and its files, their policy, and what may be kept for how long."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from halfgig.api.app import PAGE
from halfgig.api.assets import Assets
from halfgig.api.auth import key_hash
from halfgig.api.page import takes_gzip

Site = Any

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def directives(policy: str) -> dict[str, list[str]]:
    rows = (row.split() for row in policy.split(";"))
    return {name: values for name, *values in rows}


def test_a_browser_gets_the_page_and_a_program_the_addresses(site: Site) -> None:
    page = site.get("/", headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>halfgig" in page.text
    assert site.get("/").json()["links"]["jobs"] == "/jobs"
    assert "Accept" in page.headers["vary"]


def test_the_page_may_load_from_its_own_origin_only(site: Site) -> None:
    policy = directives(site.get("/", headers=BROWSER).headers["content-security-policy"])
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    sources = {source for values in policy.values() for source in values}
    assert sources == {"'none'", "'self'", "blob:", "data:"}
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]


def test_what_the_page_loads_is_there_and_may_be_kept_for_good(site: Site) -> None:
    names = re.findall(r'"/page/([^"]+)"', site.get("/", headers=BROWSER).text)
    for name in names:
        answer = site.get(f"/page/{name}")
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", Assets(PAGE).names())
def test_every_file_is_served_packed_and_plain(site: Site, name: str) -> None:
    plain = site.get(f"/page/{name}", headers={"Accept-Encoding": "identity"})
    packed = site.get(f"/page/{name}", headers={"Accept-Encoding": "br, gzip"})
    assert plain.content == packed.content == (PAGE / name).read_bytes()
    assert "content-encoding" not in plain.headers
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_file_that_the_browser_has_is_not_sent_again(site: Site) -> None:
    for path, headers in (("/", BROWSER), ("/page/index.html", {})):
        tag = site.get(path, headers=headers).headers["etag"]
        again = site.get(path, headers={**headers, "If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert site.get(path, headers={**headers, "If-None-Match": '"other"'}).status_code == 200
    assert site.ask("HEAD", "/page/index.html").status_code == 200


@pytest.mark.parametrize("name", ["nowhere.js", "../app.py", "%2e%2e/api/app.py", "@abc", "@abc/nowhere.js", "@"])
def test_there_is_nothing_else(site: Site, name: str) -> None:
    assert site.get(f"/page/{name}").status_code == 404


def test_an_old_release_is_not_kept(site: Site) -> None:
    assert site.get("/page/@old/index.html").headers["cache-control"] == "no-cache"


def test_the_page_needs_no_key(open_site: Any) -> None:
    with open_site(api_keys=f"sha256:{key_hash('a-key-of-this-server')}") as site:
        assert site.get("/", headers=BROWSER).status_code == 200
        assert site.get("/page/index.html").status_code == 200
        assert site.get("/page").status_code == 401


def test_all_of_it_is_small() -> None:
    sent = [Assets(PAGE).find(name) for name in Assets(PAGE).names()]
    assert sum(len(asset.body) for asset in sent if asset) <= 150_000


@pytest.mark.parametrize(
    ("accept", "taken"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("", False), ("br", False)],
)
def test_gzip_is_sent_to_who_takes_it(accept: str, taken: bool) -> None:
    assert takes_gzip(accept) == taken


def test_gzip_is_the_same_each_time() -> None:
    assert gzip.decompress(Assets(PAGE).index().body) == Assets(PAGE).index().plain()
    assert Assets(PAGE).index().body == Assets(PAGE).index().body
