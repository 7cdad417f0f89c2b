from __future__ import annotations

import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import halfgig
from halfgig import cli, errors
from halfgig.commands import transcribe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Put back the handlers that a command sets for its process."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command line whose only command does what it is given."""

    def run(work: Callable[[], Any]) -> int:
        def add_parser(subparsers: Any) -> None:
            subparsers.add_parser("work").set_defaults(run=lambda *_: work())

        monkeypatch.setattr(cli, "COMMANDS", ("work",))
        monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(add_parser=add_parser))
        return cli.main(["work"])

    return run


def failing(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadRequest("What.", "Do."), 2),
        (errors.SourceError("What.", "Do."), 3),
        (errors.MissingStream("What.", "Do."), 4),
        (errors.TooLarge("What.", "Do."), 5),
        (errors.ModelError("What.", "Do."), 6),
        (errors.LibraryError("What.", "Do."), 7),
        (errors.HalfgigError("What.", "Do."), 1),
    ],
)
def test_each_kind_of_error_is_a_line_and_a_code(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], error: errors.HalfgigError, code: int
) -> None:
    assert command(failing(error)) == code
    assert capsys.readouterr().err == "halfgig: What. Do.\n"


def test_what_does_not_fit_names_both_figures(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(failing(errors.DoesNotFit("transcribe", 300 * errors.MIB, 256 * errors.MIB))) == 5
    assert "transcribe needs 300 MB, and this machine may use 256 MB." in capsys.readouterr().err


def test_an_error_is_one_line_whatever_is_in_it(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    command(failing(errors.SourceError("a\nb\x1b]0;title\x07.mp4\udce9 is empty.")))
    assert capsys.readouterr().err == "halfgig: a b ]0;title .mp4  is empty.\n"


def test_an_interrupt_is_told(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "halfgig: interrupted\n"


def test_an_interrupt_before_the_command_is_known_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "import_module", lambda _: failing(KeyboardInterrupt())())
    assert cli.main(["search", "chip"]) == 130
    assert capsys.readouterr().err == "halfgig: interrupted\n"


def test_a_closed_pipe_is_silent(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(failing(BrokenPipeError())) == 141
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_a_line(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(failing(OSError(28, "No space left on device"))) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_a_mistake_of_ours_is_not_hidden(command: Callable[..., int]) -> None:
    with pytest.raises(ZeroDivisionError):
        command(failing(ZeroDivisionError()))


def test_a_request_to_end_unwinds(command: Callable[..., int]) -> None:
    with pytest.raises(SystemExit, match="143"):
        command(lambda: signal.raise_signal(signal.SIGTERM))


def test_a_hangup_that_is_ignored_stays_ignored(command: Callable[..., int]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert command(lambda: 0) == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_setting_that_does_not_parse_is_told(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADS", "many")
    assert command(lambda: 0) == 2
    assert "THREADS=many" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["transcribe"], ["transcribe", "a", "--format", "doc"], ["models"]]
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: halfgig" in capsys.readouterr().err


def test_every_command_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for name in ("transcribe", "index", "search", "reps", "library", "models"):
        assert name in text
    assert cli._parser().parse_args(["models", "list"]).run
    assert cli._parser().parse_args(["library", "list"]).run


@pytest.mark.parametrize(
    ("output", "words", "form"),
    [
        (None, False, "txt"),
        (None, True, "verbose_json"),
        ("a.srt", False, "srt"),
        ("a.VTT", True, "vtt"),
        ("a.json", False, "json"),
        ("a.json", True, "verbose_json"),
        ("a.doc", False, "txt"),
        ("a.txt/b", False, "txt"),
    ],
)
def test_the_format_follows_from_the_file(output: str | None, words: bool, form: str) -> None:
    assert transcribe._form_of(output, words=words) == form


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"halfgig {halfgig.__version__}\n"


@pytest.mark.parametrize("module", ["halfgig", "halfgig.cli"])
def test_nothing_heavy_is_loaded_before_there_is_work(module: str) -> None:
    heavy = "numpy av ctranslate2 tokenizers ai_edge_litert apsw sqlite_vec"
    code = f"import sys, {module}; print([m for m in {heavy.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [["frob"], ["frob", "serve"], []])
def test_who_names_no_command_is_told_them_all(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(arguments)
    told = capsys.readouterr().err
    assert all(name in told for name in cli.COMMANDS) if arguments else "COMMAND" in told


def test_a_command_brings_no_other() -> None:
    code = "import sys; from halfgig import cli; cli._parser(['-v', 'serve']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in loaded if name.startswith("halfgig.commands.")} == {
        *("halfgig.commands.serve", "halfgig.commands.standard"),
    }
