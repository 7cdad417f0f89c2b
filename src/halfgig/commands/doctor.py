"""`halfgig doctor`: what this machine can do, what is missing, and a short self-test of each pipeline."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from halfgig.commands.plan import megabytes
from halfgig.errors import MIB

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from halfgig.operations.diagnosis import Diagnosis, Fit, ModelState
    from halfgig.operations.selftest import Outcome
    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `doctor` to the command line."""
    parser = subparsers.add_parser("doctor", help="tell versions, memory, models and what fits, and run a self-test")
    parser.add_argument("--quick", action="store_true", help="leave out the self-test")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the facts and the outcomes of the self-test; 0 where all is well, 1 where there is something to do."""
    from halfgig.operations.diagnosis import diagnose, trial_remedies

    diagnosis = diagnose(settings)
    if not arguments.json:
        print("\n".join(describe_facts(diagnosis)), flush=True)
    outcomes = [] if arguments.quick else list(_test(diagnosis, settings, tell=not arguments.json))
    diagnosis = replace(diagnosis, remedies=(*diagnosis.remedies, *trial_remedies(outcomes)))
    if arguments.json:
        tested = None if arguments.quick else [asdict(outcome) for outcome in outcomes]
        print(json.dumps({**asdict(diagnosis), "self_test": tested}, indent=2))
    else:
        print("\n".join(["", *(diagnosis.remedies or ["All is well."])]))
    return 0 if diagnosis.healthy else 1


def describe_facts(diagnosis: Diagnosis) -> Iterator[str]:
    """The facts for a person, a line each."""
    yield ", ".join(f"{name} {number}" for name, number in diagnosis.versions.items())
    yield diagnosis.system
    yield f"{diagnosis.processor}, {diagnosis.cores} cores granted, {diagnosis.threads} threads for a model"
    yield f"features: {' '.join(diagnosis.features) or 'unknown'}"
    yield f"memory: {diagnosis.limit // MIB} MB ({diagnosis.origin}), {megabytes(diagnosis.held)} held, " + (
        f"{diagnosis.room // MIB} MB for work"
    )
    yield f"data: {diagnosis.data_dir}, {diagnosis.free_disk // MIB} MB free"
    yield from (f"setting: {name}={value}" for name, value in diagnosis.changed_settings.items())
    yield "models:"
    yield from map(_model, diagnosis.models)
    yield "what fits (reps: of a full HD video; index: as transcribe):"
    yield from map(_fit, diagnosis.fits)


def describe_outcome(outcome: Outcome) -> str:
    """One trial of the self-test for a person."""
    state = f"FAILED: {outcome.fault}" if outcome.fault else "ok"
    return f"  {outcome.kind:<12}{outcome.seconds:6.1f} s  peak {megabytes(outcome.peak):>7} ({outcome.meter})  {state}"


def _test(diagnosis: Diagnosis, settings: Settings, *, tell: bool) -> Iterator[Outcome]:
    """Run the self-test, telling each outcome as it is there; without its models there is none."""
    from halfgig.operations.selftest import run_trials

    if any(model.wanted and not model.installed for model in diagnosis.models):
        if tell:
            print("self-test: left out, as models are missing")
        return
    if tell:
        print("self-test:", flush=True)
    for outcome in run_trials(settings, diagnosis.room):
        if tell:
            print(describe_outcome(outcome), flush=True)
        yield outcome


def _model(model: ModelState) -> str:
    state = f"{megabytes(model.size)} on disk" if model.installed else f"absent, {megabytes(model.size)} to fetch"
    return f"  {model.id:<18}{state}" + ("" if model.wanted or model.installed else ", optional")


def _fit(fit: Fit) -> str:
    return f"  {fit.kind:<12}{fit.variant:<10}{megabytes(fit.needs):>7}  {'fits' if fit.fits else 'does not fit'}"
