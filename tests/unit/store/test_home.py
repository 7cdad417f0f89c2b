from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest, LibraryError
from halfgig.settings import Settings
from halfgig.store.home import is_there, open_store, which_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(library=tmp_path / "library.db")


def test_the_settings_say_where_the_library_is(settings: Settings, tmp_path: Path) -> None:
    with open_store(settings) as database:
        Library(database).add_source("talk", "/x.mp4", "Talk", "tiny.en")
    with open_store(Settings(library=tmp_path / "library.db"), create=False) as database:
        assert [source.title for source in Library(database).sources()] == ["Talk"]


def test_looking_makes_none(settings: Settings, tmp_path: Path) -> None:
    assert not is_there(settings)
    assert which_store(settings) is None
    with pytest.raises(BadRequest, match="Nothing is indexed"), open_store(settings, create=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_one_that_takes_the_place_of_another_is_not_the_same(settings: Settings, tmp_path: Path) -> None:
    with open_store(settings):
        first = which_store(settings)
    assert is_there(settings)
    settings.library_path.rename(tmp_path / "before.db")
    with open_store(settings):
        assert which_store(settings) not in (None, first)


def test_errors_of_one_that_stays_open_are_told_plainly(settings: Settings) -> None:
    with open_store(settings) as database:
        with pytest.raises(LibraryError, match=r"library.*no such table"), database.guarded():
            database.execute("SELECT * FROM absent")
        assert Library(database).sources() == []
