from __future__ import annotations

import pytest

from halfgig.errors import BadRequest
from halfgig.retrieval.address import is_address, read_index_address


@pytest.mark.parametrize(
    ("given", "kind", "name", "shown", "host", "namespace"),
    [
        ("", "sqlite", "", "sqlite:", "", ""),
        ("sqlite:", "sqlite", "", "sqlite:", "", ""),
        ("sqlite:/a/b.db", "sqlite", "/a/b.db", "sqlite:/a/b.db", "", ""),
        ("sqlite:///a/b.db", "sqlite", "/a/b.db", "sqlite:/a/b.db", "", ""),
        ("postgresql://me:pw@h:5433/d?sslmode=require", "postgresql", None, "postgresql://h:5433/d", "", ""),
        ("postgres://me@[::1]/d", "postgresql", None, "postgresql://[::1]/d", "", ""),
        ("postgresql:///d?host=/run/pg", "postgresql", None, "postgresql:///run/pg/d", "", ""),
        ("postgresql://me:p%25%40w@h/d", "postgresql", None, "postgresql://h/d", "", ""),
        ("pinecone://talks", "pinecone", "talks", "pinecone://talks", "", "__default__"),
        ("pinecone://talks?namespace=a&host=b.io", "pinecone", "talks", "pinecone://talks?namespace=a", "b.io", "a"),
        ("qdrant+http://h:6333/talks", "qdrant", "talks", "qdrant+http://h:6333/talks", "http://h:6333", ""),
        ("qdrant+https://h/above/t%20s/", "qdrant", "t s", "qdrant+https://h/above/t%20s", "https://h/above", ""),
    ],
)
def test_addresses(given: str, kind: str, name: str | None, shown: str, host: str, namespace: str) -> None:
    address = read_index_address(f" {given} ")
    assert address.name == (given if name is None else name)
    assert (address.kind, address.shown, address.host, address.namespace) == (kind, shown, host, namespace)
    assert not given or is_address(given)


@pytest.mark.parametrize(
    "given",
    [
        *("library.db", "mysql://h/d", "pinecone://", "pinecone://a?region=b", "pinecone://key@a", "pinecone://a/b"),
        *("qdrant://h/c", "qdrant+http://h", "qdrant+http:///c", "qdrant+https://key@h/c", "postgresql://h:x/d"),
        *("qdrant+http://h/c?api-key=secret", "postgresql://me:secret@[h/d"),
    ],
)
def test_what_is_none_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(BadRequest, match="INDEX_URL to one of sqlite") as told:
        read_index_address(given)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("sign", ["%", "%zz", "%00", "/", "?", "#", "@", "%/", "&@"])
def test_a_password_with_signs_that_are_no_codes_is_not_told(sign: str) -> None:
    for password in (f"12{sign}secret", f"secret{sign}x", f"{sign}secret"):
        with pytest.raises(BadRequest) as told:
            read_index_address(f"postgresql://me:{password}@h/db")
        assert "secret" not in str(told.value)


def test_what_no_address_is() -> None:
    assert not is_address("library.db")
