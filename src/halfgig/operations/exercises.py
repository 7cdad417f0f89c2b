"""The exercises that a person has taught: kept as JSON in the data folder, beside the table that everybody has."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest, LibraryError
from halfgig.motion.exercises import find_exercise
from halfgig.motion.forms import Exercise, Trait

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from halfgig.motion.angles import AnglesAt
    from halfgig.records import PoseAt
    from halfgig.settings import Settings

AUTO = "auto"  # in the place of an exercise: whichever is done
MOST_MOMENTS = 6_000  # of an example, ten minutes
MOST_NAME = 64


def exercises_path(settings: Settings) -> Path:
    """Where taught exercises are kept."""
    return settings.data_dir / "exercises.json"


def learned(settings: Settings) -> tuple[Exercise, ...]:
    """The exercises that were taught here. LibraryError where the file is damaged."""
    try:
        return read(json.loads(exercises_path(settings).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LibraryError(
            f"exercises.json cannot be read: {error}.", "Mend or remove it in the data folder."
        ) from error


def learn_exercise(
    name: str,
    clip: str | os.PathLike[str],
    reps: int,
    *,
    settings: Settings,
    watch: Callable[[float], None] = lambda _: None,
) -> Exercise:
    """Learn an exercise from a clip that shows it `reps` times, and keep it; one of the same name is replaced.

    Errors: those of `count_reps`; BadRequest for a name of the table, or a clip in which nothing moves so often.
    """
    from halfgig.motion.learning import learn

    name = " ".join(name.split())
    if not 0 < len(name) <= MOST_NAME or find_exercise(name) is not None or name.lower() in ("auto", "none"):
        raise BadRequest(f"{name!r} cannot be taught: it is empty, too long, or known already.", "Choose another name.")
    if reps < 1:
        raise BadRequest("An exercise is learned from one repetition or more.", "Say --reps N.")
    exercise = learn(name, _signals(clip, settings, watch), reps)
    keep([*(one for one in learned(settings) if one.name != name), exercise], settings)
    return exercise


def keep(exercises: list[Exercise], settings: Settings) -> None:
    """Write the taught exercises, whole."""
    from halfgig.operations.drawings import whole

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with whole(exercises_path(settings)) as unfinished:
        text = json.dumps(written(exercises), indent=1)
        unfinished.write_text(text + "\n", encoding="utf-8")


def written(exercises: Iterable[Exercise]) -> list[dict[str, Any]]:
    """Exercises as JSON values."""
    return [_plain(one) for one in exercises]


def read(rows: Iterable[dict[str, Any]]) -> tuple[Exercise, ...]:
    """The exercises of `written`."""
    return tuple(_restored(row) for row in rows)


def _signals(clip: str | os.PathLike[str], settings: Settings, watch: Callable[[float], None]) -> list[AnglesAt]:
    from halfgig.motion.angles import measure_angles
    from halfgig.operations.counting import prepare_count

    poses: list[PoseAt] = []
    counting = prepare_count(clip, exercise="squat", settings=settings, watch=watch)
    counting.see = lambda moment: poses.append(moment) if len(poses) < MOST_MOMENTS else None
    counting.run()
    if len(poses) >= MOST_MOMENTS:
        raise BadRequest("The example is longer than ten minutes.", "Give a clip of one set.")
    return list(measure_angles(poses))


def _plain(exercise: Exercise) -> dict[str, Any]:
    row = asdict(exercise)
    row["form"] = [
        {name: value for name, value in trait.items() if not isinstance(value, float) or math.isfinite(value)}
        for trait in row["form"]
    ]
    return row


def _restored(row: dict[str, Any]) -> Exercise:
    open_ended = {"least": -math.inf, "most": math.inf}
    form = tuple(Trait(**{**open_ended, **trait}) for trait in row["form"])
    return Exercise(**{**row, "form": form, "aliases": tuple(row["aliases"])})
