"""The settings: one table, each row with its environment name, unit, default and help.

`docs/settings.md` is checked against this table by a test; nothing else in the package reads the environment.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _row(env: str, default: Any, unit: str, help: str, *, least: float | None = None, secret: bool = False) -> Any:
    """A setting; one that is `secret` is shown to nobody."""
    facts = {"env": env, "unit": unit, "help": help, "least": least, "secret": secret}
    return dataclasses.field(default=default, repr=not secret, metadata=facts)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value. `Settings()` holds the defaults, `Settings.from_environment()` the user's."""

    data_dir: Path = _row("HALFGIG_DATA", Path("~/.local/share/halfgig"), "folder", "where models and the library live")
    library: Path | None = _row("LIBRARY_PATH", None, "file", "the library; without it library.db in HALFGIG_DATA")
    models: Path | None = _row("MODELS_PATH", None, "folder", "the models; without it models in HALFGIG_DATA")
    offline: bool = _row(
        "HALFGIG_OFFLINE", default=False, unit="0 or 1", help="1 never fetches model weights from the network"
    )
    memory_limit_mb: int | None = _row(
        "MEMORY_LIMIT_MB",
        None,
        "MB",
        "treat this as the machine's memory, where no cgroup says less",
        least=64,
    )
    threads: int = _row(
        "THREADS",
        0,
        "count",
        "threads that a model may use; 0 takes the cores that the machine grants",
        least=0,
    )
    whisper_model: str = _row(
        "WHISPER_MODEL",
        "tiny",
        "name or folder",
        "tiny, base, tiny.en, or a folder with a CTranslate2 Whisper model",
    )
    whisper_beam_size: int = _row(
        "WHISPER_BEAM_SIZE",
        5,
        "count",
        "texts that the decoder weighs at a time; with fewer it is a little faster and less accurate",
        least=1,
    )
    language: str = _row("WHISPER_LANGUAGE", "auto", "code", "language of the speech (en, de, ...) or auto")
    pose_model: str = _row("POSE_MODEL", "full", "name", "full or lite BlazePose landmarks")
    embedding_model: str = _row(
        "EMBEDDING_MODEL",
        "minilm",
        "name or folder",
        "minilm, PUBLISHER/NAME of a hub, a folder with a sentence model, or what EMBEDDING_URL calls its model",
    )
    embedding_url: str = _row(
        "EMBEDDING_URL", "", "URL", "have texts embedded there, by the API of OpenAI, and not on this machine"
    )
    embedding_api_key: str = _row("EMBEDDING_API_KEY", "", "key", "the key that is sent to EMBEDDING_URL", secret=True)
    embedding_batch_size: int = _row(
        "EMBEDDING_BATCH_SIZE", 5, "passages", "passages embedded at a time; more costs memory", least=1
    )
    model_hub: str = _row("MODEL_HUB", "https://huggingface.co", "URL", "the hub that PUBLISHER/NAME is fetched from")
    max_video_size_mb: float | None = _row("MAX_VIDEO_SIZE_MB", None, "MB", "refuse larger videos", least=0)
    max_file_size_mb: float | None = _row("MAX_FILE_SIZE_MB", None, "MB", "refuse larger files of any kind", least=0)
    max_video_duration_seconds: float | None = _row(
        "MAX_VIDEO_DURATION_SECONDS", None, "seconds", "refuse longer sources", least=0
    )
    frame_skip_rate: int | None = _row(
        "FRAME_SKIP_RATE", None, "frames", "analyse every n-th frame instead of a fixed rate", least=1
    )
    max_frames_to_analyze: int | None = _row(
        "MAX_FRAMES_TO_ANALYZE", None, "frames", "stop the analysis of motion after this many frames", least=1
    )
    min_frames_for_analysis: int | None = _row(
        "MIN_FRAMES_FOR_ANALYSIS",
        None,
        "frames",
        "refuse to count reps in fewer frames with a person",
        least=1,
    )
    video_resize_width: int | None = _row(
        "VIDEO_RESIZE_WIDTH",
        None,
        "pixels",
        "scale frames to this width, and at most 1.25 times that height, before the analysis of motion",
        least=64,
    )
    host: str = _row(
        "HOST", "127.0.0.1", "address", "where the server listens; 0.0.0.0 is everywhere, and wants API_KEYS"
    )
    port: int = _row("PORT", 8000, "port", "on which port; 0 takes a free one", least=0)
    api_keys: str = _row(
        "API_KEYS",
        "",
        "keys",
        "keys of the server, with commas between them, each as it is or as sha256:HEX",
        secret=True,
    )
    viewer_keys: str = _row(
        "VIEWER_KEYS",
        "",
        "keys",
        "keys that may only look: list, read, search, download; written as in API_KEYS",
        secret=True,
    )
    allow_public: bool = _row(
        "ALLOW_PUBLIC", default=False, unit="0 or 1", help="1 lets the server listen to others without a key"
    )
    trusted_hosts: str = _row(
        "TRUSTED_HOSTS", "", "names", "names that the server answers to, with commas between them; empty: any"
    )
    trusted_proxies: str = _row(
        "TRUSTED_PROXIES",
        "127.0.0.1",
        "addresses",
        "whose X-Forwarded-For is believed: addresses and networks of proxies, with commas between them",
    )
    cors_origins: str = _row(
        "CORS_ORIGINS", "", "origins", "pages of which other sites may use the server, as https://a.example"
    )
    max_queued_jobs: int = _row("MAX_QUEUED_JOBS", 1000, "jobs", "refuse more jobs than this that wait", least=1)
    max_event_streams: int = _row("MAX_EVENT_STREAMS", 100, "streams", "who may watch jobs at the same time", least=1)
    live_sessions: int = _row(
        "LIVE_SESSIONS", 1, "sessions", "who may be counted live at the same time; 0 counts nobody live", least=0
    )
    live_idle_seconds: float = _row(
        "LIVE_IDLE_SECONDS", 30.0, "seconds", "end a live session in which nothing came for so long", least=1
    )
    log_format: str = _row("LOG_FORMAT", "auto", "name", "json or text; auto is text on a terminal, else json")

    disk_quota_mb: float | None = _row(
        "DISK_QUOTA_MB", None, "MB", "what uploads, poses, drawings and what is fetched may take together", least=0
    )
    upload_expiry_seconds: float = _row(
        "UPLOAD_EXPIRY_SECONDS", 86_400, "seconds", "delete uploads that are broken off, or unused, after this", least=1
    )
    upload_stall_seconds: float = _row(
        "UPLOAD_STALL_SECONDS", 60, "seconds", "give up a client that sends nothing for so long", least=1
    )

    @property
    def uploads_dir(self) -> Path:
        """Folder of what was uploaded."""
        return self.data_dir / "uploads"

    @property
    def fetched_dir(self) -> Path:
        """Folder of what is fetched from URLs or drawn, with a folder for each job while it runs."""
        return self.data_dir / "fetched"

    embedder_idle_seconds: int = _row(
        "EMBEDDER_IDLE_SECONDS", 60, "seconds", "without a search, after which the query embedder ends", least=1
    )
    search_patience_seconds: int = _row(
        "SEARCH_PATIENCE_SECONDS", 10, "seconds", "that a search waits for its vector, then answers by keyword", least=1
    )
    database_url: str = _row(
        "DATABASE_URL",
        "",
        "address",
        "postgresql://…: jobs and the library, in a database that several machines share; without it in files",
        secret=True,
    )
    blob_url: str = _row(
        "BLOB_URL",
        "",
        "address",
        "s3://BUCKET/PREFIX, or file:///FOLDER: uploads and drawings where machines of one queue reach them; else here",
    )
    blob_links: bool = _row(
        "BLOB_LINKS",
        default=False,
        unit="0 or 1",
        help="1 answers downloads of drawings by a link to the storage of BLOB_URL, which clients must reach then",
    )
    index_url: str = _row(
        "INDEX_URL",
        "",
        "address",
        "the index: sqlite: (the library's own), postgresql://…, pinecone://INDEX or qdrant+https://HOST/COLLECTION",
        secret=True,
    )
    pinecone_api_key: str = _row("PINECONE_API_KEY", "", "key", "the key of that Pinecone index", secret=True)
    qdrant_api_key: str = _row("QDRANT_API_KEY", "", "key", "the key of that Qdrant", secret=True)
    webhook_secret: str = _row(
        "WEBHOOK_SECRET",
        "",
        "text",
        "signs what is sent to a callback_url, as plain text or as whsec_BASE64",
        secret=True,
    )
    jobs_at_once: str = _row(
        "JOBS_AT_ONCE",
        "",
        "list",
        "jobs of a kind at work at once on all machines that share the queue, as reps=2,index=4; others have no bound",
    )
    workers: int = _row("WORKERS", 0, "count", "jobs at a time; 0 takes as many as cores and memory allow", least=0)
    worker_idle_seconds: float = _row(
        "WORKER_IDLE_SECONDS", 30.0, "seconds", "how long an idle worker keeps its model in memory", least=0
    )
    worker_stall_seconds: float = _row(
        "WORKER_STALL_SECONDS",
        300.0,
        "seconds",
        "a worker that is silent for longer is ended, and its job retried",
        least=1,
    )

    server: str = _row(
        "HALFGIG_SERVER", "http://127.0.0.1:8000", "address", "the server that halfgig jobs and --server ask"
    )
    api_key: str = _row("HALFGIG_API_KEY", "", "key", "the key that is sent to that server", secret=True)
    guard_addresses: bool = _row(
        "GUARD_ADDRESSES",
        default=False,
        unit="0 or 1",
        help="1 reads no URL that leads into a private network; the server's workers always do so",
    )
    allowed_hosts: str = _row(
        "ALLOWED_HOSTS", "", "list", "hosts, host:port or networks that may be read although they are not public"
    )
    proxy_url: str = _row("PROXY_URL", "", "URL", "the http proxy through which URLs are read", secret=True)
    ytdlp_cookies: Path | None = _row("YTDLP_COOKIES", None, "file", "cookies (Netscape form) for YouTube and the like")
    ytdlp_rate_limit_kb: float | None = _row(
        "YTDLP_RATE_LIMIT_KB", None, "KB a second", "read from YouTube and the like no faster", least=1
    )

    @property
    def jobs_at(self) -> Path | str:
        """Where jobs are: the address of a Postgres, or a SQLite file."""
        return self.database_url or self.data_dir / "jobs.db"

    @property
    def models_dir(self) -> Path:
        """Folder of the model store."""
        return self.models or self.data_dir / "models"

    @property
    def library_path(self) -> Path:
        """The one SQLite file that holds sources, transcripts and the index."""
        return self.library or self.data_dir / "library.db"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read every setting from `environ`; BadRequest names the variable whose value does not parse."""
        environ = os.environ if environ is None else environ
        given = {row.name: environ.get(row.metadata["env"], "").strip() for row in dataclasses.fields(cls)}
        values = {row.name: _parse(row, given[row.name]) for row in dataclasses.fields(cls) if given[row.name]}
        settings = cls(**values)
        paths = {name: getattr(settings, name) for name in ("data_dir", "library", "models")}
        return dataclasses.replace(settings, **{name: path and path.expanduser() for name, path in paths.items()})

    def as_environment(self) -> dict[str, str]:
        """The variables that a child process must have to read the same settings; an absent value is an empty one."""
        rows = dataclasses.fields(self)
        return {row.metadata["env"]: _written(getattr(self, row.name)) for row in rows}


def _written(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a setting that holds several, with commas between them."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def _parse(row: dataclasses.Field[Any], text: str) -> Any:
    kind = str(row.type).removesuffix(" | None")
    read: dict[str, Callable[[str], Any]] = {"bool": _truth, "int": int, "float": float, "str": str, "Path": Path}
    try:
        value = read[kind](text)
    except ValueError:
        what = {"bool": "0 or 1", "int": "a whole number"}.get(kind, "a number")
        raise _refusal(row, text, f"is not {what}") from None
    least = row.metadata["least"]
    if isinstance(value, (int, float)) and (not math.isfinite(value) or (least is not None and value < least)):
        raise _refusal(row, text, f"must be {least:g} or more")
    return value


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError(text)
    return _TRUTHS[text.lower()]


def _refusal(row: dataclasses.Field[Any], text: str, why: str) -> BadRequest:
    env = row.metadata["env"]
    return BadRequest(f"{env}={text} {why}.", f"Unset {env}, or set it as docs/settings.md says.")
