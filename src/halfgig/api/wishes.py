"""Wishes: what a client may ask for in POST /jobs, by kind, with a bound on every field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from halfgig.errors import BadRequest
from halfgig.models.whisper import TINY, choose_whisper, is_folder
from halfgig.motion.exercises import exercise_named
from halfgig.operations.exercises import learned
from halfgig.speech.language import AUTO, check_code
from halfgig.store.scope import MOST_TAG, check_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.settings import Settings

MOST_URL = 4096  # characters
MOST_PRIORITY = 100
MOST_TAGS = 20
FORM_FIELDS = ("kind", "priority", "keep_source", "callback_url")  # of a form, beside its source and its options
EXAMPLES = [
    {"kind": "transcript", "source": {"url": "https://example.org/talk.mp4"}, "options": {"language": "en"}},
    {"kind": "index", "source": {"upload": "3k9v0c8d2m6q1r5t7x4z0a2b4c"}},
    {"kind": "reps", "source": {"url": "https://example.org/squats.mp4"}, "options": {"exercise": "squat"}},
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceWish(_Strict):
    """Where the source is: a public http(s) address, or a finished upload."""

    url: str | None = Field(default=None, min_length=1, max_length=MOST_URL, examples=["https://example.org/talk.mp4"])
    upload: str | None = Field(
        default=None, min_length=1, max_length=64, description="the id of an upload that is complete"
    )
    title: str | None = Field(default=None, min_length=1, max_length=200, description="a name for people")

    @model_validator(mode="after")
    def _is_one(self) -> SourceWish:
        if (self.url is None) == (self.upload is None):
            raise ValueError("give either url or upload")
        return self


class SpeechOptions(_Strict):
    """How speech is recognised."""

    language: str | None = Field(default=None, min_length=2, max_length=32, description="a code, as en, or auto")
    model: str | None = Field(default=None, min_length=1, max_length=64, description="tiny, base or tiny.en")
    words: bool = Field(default=False, description="tell the times of words too; it costs time")
    translate: bool = Field(default=False, description="write English, whatever language is spoken")
    captions: bool = Field(default=False, description="take the captions of a URL's site, where it has some, unheard")


Tags: TypeAlias = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MOST_TAG)]],
    Field(max_length=MOST_TAGS, description="to search by; given besides those that the source has"),
]


class IndexOptions(SpeechOptions):
    """How speech is recognised, and what it is filed under."""

    tags: Tags = []


class RepsOptions(_Strict):
    """What is counted."""

    exercise: str | None = Field(default=None, min_length=1, max_length=64, description="its name, or auto")
    tags: Tags = []


class _Wish(_Strict):
    source: SourceWish
    keep_source: bool = Field(default=False, description="keep the upload when the job has ended")
    callback_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_URL,
        description="is sent the id and the state when the job has ended",
    )
    priority: int = Field(default=0, ge=-MOST_PRIORITY, le=MOST_PRIORITY, description="a lower one is served sooner")


class TranscriptWish(_Wish):
    """Speech as text."""

    kind: Literal["transcript"]
    options: SpeechOptions = SpeechOptions()


class IndexWish(_Wish):
    """Speech as text that search then finds."""

    kind: Literal["index"]
    options: IndexOptions = IndexOptions()


class RepsWish(_Wish):
    """Repetitions of an exercise, counted."""

    kind: Literal["reps"]
    options: RepsOptions = RepsOptions()


JobWish: TypeAlias = Annotated[TranscriptWish | IndexWish | RepsWish, Field(discriminator="kind")]
_READER: TypeAdapter[TranscriptWish | IndexWish | RepsWish] = TypeAdapter(JobWish)


def read_json(body: bytes) -> TranscriptWish | IndexWish | RepsWish:
    """The wish in a body. Raises RequestValidationError, which names the fields."""
    try:
        return _READER.validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from error


def read_form(fields: Mapping[str, str], upload: str | None) -> TranscriptWish | IndexWish | RepsWish:
    """The wish in the fields of a form, whose file has become the upload; None where it had none.

    What is no field of a wish is an option, as all of `options`, a JSON object, are. Raises RequestValidationError.
    """
    source: dict[str, str] = {name: fields[name] for name in ("url", "upload", "title") if name in fields}
    if upload is not None:
        source = {"upload": upload, **source}
        if "upload" in fields:  # both a file and the name of one
            source["url"] = ""
    taken = {"options", *source, *FORM_FIELDS, "url", "upload", "title"}
    options = {**_options(fields), **{name: value for name, value in fields.items() if name not in taken}}
    values = {name: fields[name] for name in FORM_FIELDS if name in fields}
    try:
        return _READER.validate_python({**values, "source": source, "options": options})
    except ValidationError as error:
        raise _invalid(error) from error


def _options(fields: Mapping[str, str]) -> dict[str, Any]:
    try:
        options = json.loads(fields.get("options") or "{}")
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        wrong = {"type": "json_invalid", "loc": ("body", "options"), "msg": "is no JSON object"}
        raise RequestValidationError([wrong])
    return options


def _invalid(error: ValidationError) -> RequestValidationError:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in found])


def checked_options(wish: TranscriptWish | IndexWish | RepsWish, settings: Settings) -> dict[str, Any]:
    """The options as a job keeps them: only what was given, each by its one name.

    Raises BadRequest for a language, a model or an exercise that there is not.
    """
    if isinstance(wish.options, RepsOptions):
        return _reps_options(wish.options, settings)
    return _speech_options(wish.options, settings)


def _reps_options(options: RepsOptions, settings: Settings) -> dict[str, Any]:
    tags = {"tags": _tags(options.tags)} if options.tags else {}
    if options.exercise is None or options.exercise.strip().lower() == AUTO:
        return tags
    return {"exercise": exercise_named(options.exercise, learned(settings)).name, **tags}


def _tags(given: list[str]) -> list[str]:
    return sorted({check_tag(tag) for tag in given})


def _speech_options(options: SpeechOptions, settings: Settings) -> dict[str, Any]:
    given = options.model_dump(exclude_defaults=True)
    if "tags" in given:
        given["tags"] = _tags(given["tags"])
    if "language" in given:
        given["language"] = check_code(given["language"])
    if "model" in given and is_folder(given["model"]):
        raise BadRequest("A model is asked for by its name here.", "A folder can be set by WHISPER_MODEL.")
    named = settings.whisper_model if not is_folder(settings.whisper_model) else TINY
    choose_whisper(given.get("model", named), given.get("language", AUTO), translate=options.translate)
    return given


def definitions() -> dict[str, Any]:
    """The JSON schemas of a wish and its parts, by name, as OpenAPI refers to them."""
    made = _READER.json_schema(ref_template="#/components/schemas/{model}")
    return {**made.pop("$defs"), "JobWish": made}
