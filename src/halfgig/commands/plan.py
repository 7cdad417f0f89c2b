"""`halfgig plan`: what a source would take here, before any work starts: memory, time, models, disk."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from halfgig.commands.standard import add_speech_options, given, printable, speech_settings
from halfgig.errors import MIB, BadRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from halfgig.operations.planning import Forecast, Plan
    from halfgig.records import Bytes, SourceInfo
    from halfgig.settings import Settings

NAMES = {"transcribe": "transcript", "index": "index", "reps": "reps"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `plan` to the command line."""
    parser = subparsers.add_parser("plan", help="tell what a source would take: memory, time, models, disk")
    parser.add_argument("source", metavar="SOURCE", help="a path or a URL")
    parser.add_argument("--memory", type=int, metavar="MB", help="plan for a machine with so much (default: this one)")
    add_speech_options(parser)
    parser.add_argument("--exercise", default="auto", metavar="NAME", help="squat, push-up, ... (default: auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the plan; where nothing fits, raise the DoesNotFit that tells how little would do."""
    from halfgig.operations.planning import plan

    settings = speech_settings(arguments, settings)
    memory = _asked(arguments.memory)
    made = plan(given(arguments.source), memory=memory, exercise=arguments.exercise, settings=settings)
    print(json.dumps(as_json(made), indent=2) if arguments.json else "\n".join(describe_plan(made)), flush=True)
    if made.refusal:
        raise made.refusal
    return 0


def as_json(plan: Plan) -> dict[str, object]:
    """The plan as JSON: bytes and seconds."""
    return {
        "title": plan.title,
        "duration": plan.info.duration,
        "room": plan.room,
        "origin": plan.origin,
        "forecasts": [asdict(forecast) for forecast in plan.forecasts],
    }


def describe_plan(plan: Plan) -> Iterator[str]:
    """The plan for a person: the source, what may be held, a line for each kind of work, and notes."""
    yield f"{printable(plan.title)}: {_facts(plan.info)}"
    yield f"{plan.room // MIB} MB are left for work ({plan.origin})"
    yield from map(_line, plan.forecasts)
    yield from dict.fromkeys(
        forecast.note for forecast in plan.forecasts if forecast.outlook == "fits" and forecast.note
    )
    if any(forecast.seconds is not None for forecast in plan.forecasts):
        yield "Times are for an idle machine and a source full of speech."


def megabytes(size: Bytes) -> str:
    """Whole megabytes, rounded up."""
    return f"{-(-size // MIB)} MB"


def span(seconds: float) -> str:
    """A time for a person: `8 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _line(forecast: Forecast) -> str:
    name = f"  {NAMES[forecast.kind]:<12}"
    match forecast.outlook:
        case "fits":
            time = "time unknown" if forecast.seconds is None else f"about {span(forecast.seconds)}"
            fetch = f", {megabytes(forecast.download)} to download first" if forecast.download else ""
            disk = f" ({megabytes(forecast.disk)} of disk)" if forecast.disk else ""
            return f"{name}fits: peak {megabytes(forecast.peak)}, {time}, with {forecast.variant}{fetch}{disk}"
        case "does not fit":
            return f"{name}does not fit: needs {megabytes(forecast.needs)}"
        case _:
            return f"{name}nothing to do: {forecast.note}"


def _facts(info: SourceInfo) -> str:
    length = "of unknown length" if info.duration is None else f"{info.duration:.0f} s"
    sound = f"sound in {info.audio[0].codec}" if info.audio else "no sound"
    picture = "no picture"
    if (video := info.main_video) is not None:
        picture = f"{video.width} x {video.height} pixels in {video.codec}, {video.fps:.0f} a second"
    return f"{length}, {sound}, {picture}"


def _asked(memory: int | None) -> Bytes | None:
    if memory is not None and memory < 1:
        raise BadRequest(f"--memory {memory} is no number of MB.", "Give 1 or more, as in --memory 512.")
    return None if memory is None else memory * MIB
