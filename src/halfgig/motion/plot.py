"""Plot: one picture of a whole video: the angle over time, with repetitions, attempts, sets and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from halfgig.motion.angles import COLUMN
from halfgig.motion.forms import PERCENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.motion.curves import Curve

WIDTH, HEIGHT = 1600, 720
FINE = 2  # times as many pixels are drawn, so that lines are smooth
LEFT, RIGHT, TOP, BOTTOM = 90, 30, 120, 110  # margins
INK, FAINT, PAPER = (28, 36, 48), (150, 158, 168), (255, 255, 255)
BOTH, SIDES = (30, 84, 160), {"left": (40, 160, 140), "right": (170, 90, 170)}
REP, OTHER_REP, ATTEMPT, SET = (214, 230, 250), (232, 241, 252), (252, 226, 196), (120, 140, 165)
FULL, REST = (34, 150, 84), (190, 120, 30)
TITLE, TEXT, SMALL = 30, 20, 16  # pixels
GAP = 0.5  # seconds between two moments that no line joins
SEEN = 0.5  # of the time, for which a side must be seen to have a line beside that of both


@dataclass(frozen=True, slots=True)
class Axes:
    """Seconds and signal values to pixels."""

    end: float
    low: float
    high: float

    def x(self, time: float) -> float:
        """Pixels from the left."""
        return FINE * (LEFT + (WIDTH - LEFT - RIGHT) * time / self.end)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return FINE * (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / (self.high - self.low))


def draw_plot(report: Mapping[str, Any], curve: Curve, path: Path) -> None:
    """Write the picture of a report (as `as_json` gives it) and its curve into a PNG file."""
    lines = curves_of(report, curve)
    picture = Image.new("RGB", (FINE * WIDTH, FINE * HEIGHT), PAPER)
    draw, axes = ImageDraw.Draw(picture), axes_of(report, curve, lines)
    _shade(draw, axes, report)
    _frame(draw, axes, report)
    _targets(draw, axes, report)
    for name, values in lines.items():
        _line(draw, axes, curve.times, values, SIDES.get(name, BOTH), width=3 if name == "both" else 2)
    _words(draw, report)
    picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, optimize=True)


def curves_of(report: Mapping[str, Any], curve: Curve) -> dict[str, NDArray[np.float32]]:
    """The signal of the report over time: of each side that has one, and of both together."""
    name = report.get("signal")
    if not name:
        return {}
    if name in COLUMN:
        return {"both": (PERCENT if name.endswith("_place") else 1) * curve.rows[:, COLUMN[name]]}
    sides = {side: curve.rows[:, COLUMN[f"{side}_{name}"]] for side in SIDES}
    left, right = sides.values()
    both = np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))
    if set(report["sides"]) & set(SIDES):
        return sides
    return {**{side: values for side, values in sides.items() if np.isfinite(values).mean() >= SEEN}, "both": both}


def axes_of(report: Mapping[str, Any], curve: Curve, lines: Mapping[str, NDArray[np.float32]]) -> Axes:
    """Axes that hold all that is drawn."""
    values = np.concatenate([line[~np.isnan(line)] for line in lines.values()] or [np.array([0.0, 180.0])])
    target = [value for value in (report.get("target") or {}).values() if value is not None]
    low, high = (float(edge) for edge in np.percentile(values, (1, 99))) if len(values) else (0.0, 180.0)
    low, high = min([low, *target]), max([high, *target])
    end = float(curve.times[-1]) if len(curve.times) else report["duration"]
    return Axes(max(end, 1.0), 10 * np.floor((low - 5) / 10), 10 * np.ceil((high + 5) / 10))


def _shade(draw: ImageDraw.ImageDraw, axes: Axes, report: Mapping[str, Any]) -> None:
    top, bottom = FINE * TOP, FINE * (HEIGHT - BOTTOM)
    for number, rep in enumerate(report["reps"]):
        draw.rectangle((axes.x(rep["start"]), top, axes.x(rep["end"]), bottom), (REP, OTHER_REP)[number % 2])
    for attempt in report["attempts"]:
        draw.rectangle((axes.x(attempt["start"]), top, axes.x(attempt["end"]), bottom), ATTEMPT)
    crowded = len(report["reps"]) > 40
    for rep in () if crowded else report["reps"]:
        _write(draw, (axes.x(rep["turn"]), top + FINE * 14), f"{rep['number']}", SMALL, INK, anchor="mm")
    for one in report["sets"]:
        y, span = top - FINE * 8, (axes.x(one["start"]), axes.x(one["end"]))
        draw.line((span[0], y, span[1], y), SET, FINE * 3)
        _write(draw, (sum(span) / 2, y - FINE * 12), _set_words(one, report), SMALL, INK, anchor="mm")


def _set_words(one: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    if len(report["sets"]) > 8:
        return f"{one['count']}"
    tempo = one["tempo"]
    way = f", {tempo['eccentric']:.1f} s down, {tempo['concentric']:.1f} s up" if tempo else ""
    return f"set {one['number']}: {one['count']}{way if len(report['sets']) <= 3 else ''}"


def _frame(draw: ImageDraw.ImageDraw, axes: Axes, report: Mapping[str, Any]) -> None:
    left, bottom = FINE * LEFT, FINE * (HEIGHT - BOTTOM)
    draw.line((left, FINE * TOP, left, bottom, FINE * (WIDTH - RIGHT), bottom), FAINT, FINE)
    for value in np.arange(20 * np.ceil(axes.low / 20), axes.high + 1, 20):
        _write(draw, (left - FINE * 8, axes.y(value)), f"{value:.0f}", SMALL, INK, anchor="rm")
        draw.line((left - FINE * 4, axes.y(value), left, axes.y(value)), FAINT, FINE)
    step = next(step for step in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 36000) if axes.end / step <= 16)
    for time in np.arange(0, axes.end + 0.01, step):
        _write(draw, (axes.x(time), bottom + FINE * 16), clock(float(time)), SMALL, INK, anchor="mm")
    unit = report.get("unit") or "degrees"
    _write(draw, (FINE * 12, FINE * (TOP - 22)), f"{report.get('signal') or ''}, {unit}", SMALL, INK, anchor="lm")


def clock(seconds: float) -> str:
    """Minutes and seconds, or seconds alone."""
    return f"{seconds:.0f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _targets(draw: ImageDraw.ImageDraw, axes: Axes, report: Mapping[str, Any]) -> None:
    for name, colour in (("full", FULL), ("rest", REST)):
        value = (report.get("target") or {}).get(name)
        if value is None:
            continue
        y = axes.y(value)
        for x in range(FINE * LEFT, FINE * (WIDTH - RIGHT), FINE * 16):
            draw.line((x, y, x + FINE * 8, y), colour, FINE)
        _write(draw, (FINE * (WIDTH - RIGHT - 6), y - FINE * 10), f"{name} {value:.0f}", SMALL, colour, anchor="rm")


def _line(
    draw: ImageDraw.ImageDraw,
    axes: Axes,
    times: NDArray[np.float64],
    values: NDArray[np.float32],
    colour: tuple[int, int, int],
    *,
    width: int,
) -> None:
    """The values over time, broken where they are unseen or leave the axes."""
    inside = np.clip(values, axes.low, axes.high)
    seen = np.flatnonzero(~np.isnan(inside))
    ends = np.flatnonzero(
        np.diff(times[seen]) > max(GAP, 3 * float(np.median(np.diff(times))) if len(times) > 1 else GAP)
    )
    for run in np.split(seen, ends + 1):
        points = [(axes.x(times[place]), axes.y(float(inside[place]))) for place in run]
        if len(points) > 1:
            draw.line(points, colour, FINE * width, joint="curve")


def _words(draw: ImageDraw.ImageDraw, report: Mapping[str, Any]) -> None:
    partial = f", {len(report['attempts'])} partial" if report["attempts"] else ""
    score = f", score {report['score']}" if report["score"] is not None else ""
    count = f"{report['count']} repetition{'' if report['count'] == 1 else 's'}"
    _write(draw, (FINE * LEFT, FINE * 34), f"{report['exercise']}: {count}{partial}{score}", TITLE, INK, anchor="lm")
    error = f", angles within {report['error']:.0f} degrees" if report["error"] is not None else ""
    _write(draw, (FINE * (WIDTH - RIGHT), FINE * 34), f"view: {report['view']}{error}", TEXT, INK, anchor="rm")
    said: Sequence[str] = [*report["cues"], *report["notes"]]
    for number, words in enumerate(said[:3]):
        _write(draw, (FINE * LEFT, FINE * (HEIGHT - BOTTOM + 44 + 22 * number)), words, TEXT, INK, anchor="lm")
    if set(report["sides"]) == {"both"} and report.get("signal"):
        return
    for number, (side, colour) in enumerate(SIDES.items()):
        _write(draw, (FINE * (WIDTH - RIGHT - 80 * number), FINE * (HEIGHT - 20)), side, TEXT, colour, anchor="rm")


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    size: int,
    colour: tuple[int, int, int],
    *,
    anchor: str,
) -> None:
    draw.text(place, words, fill=colour, font=ImageFont.load_default(FINE * size), anchor=anchor)
