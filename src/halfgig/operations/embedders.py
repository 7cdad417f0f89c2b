"""The embedding model: which one the settings mean, and the one that an index was made with; what either needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, ModelError
from halfgig.memory import budget
from halfgig.models.manifest import DEFAULT_MODELS, MODELS, Kind, folder_of
from halfgig.operations.admission import threads

if TYPE_CHECKING:
    from halfgig.memory.budget import Cost
    from halfgig.models.manifest import Model
    from halfgig.models.pull import Listener
    from halfgig.models.store import ModelStore
    from halfgig.retrieval.vectors import Embedder
    from halfgig.settings import Settings

MINILM = "all-MiniLM-L6-v2"
ALIASES = {"minilm": MINILM, f"sentence-transformers/{MINILM}": MINILM}
KIND = "search"  # of the budget's rows


def open_embedder(settings: Settings, report: Listener) -> Embedder:
    """The embedder that the settings mean, its model fetched and converted where it is absent.

    Errors: BadRequest, ModelError.
    """
    return _opened(ensure_model(settings.embedding_model, settings, report), settings)


def reopen_embedder(name: str, settings: Settings) -> Embedder:
    """The embedder of a model by the name that an index records. Nothing is fetched. ModelError where it is absent."""
    return _opened(name, settings)


def ensure_model(given: str, settings: Settings, report: Listener) -> str:
    """Have the embedding model of this name, hub id or folder in the store; the name that an index records of it.

    Errors: BadRequest where it means no embedding model, ModelError where it cannot be had or run.
    """
    found = None if is_folder(given) else _latest(given, settings)  # what a folder holds may have changed
    if found is None:
        model = _described(given, settings)
        _store(settings, model).ensure(model.id, report)
        found = model.id
    return found


def model_name(settings: Settings) -> str:
    """What to call the model that the settings mean, before anything is fetched."""
    return ALIASES.get(settings.embedding_model, settings.embedding_model)


def wanted_models(settings: Settings) -> tuple[str, ...]:
    """The models that are worth fetching before any work: the usual ones, with the embedder that the settings mean."""
    return tuple(model_name(settings) if name == MINILM else name for name in DEFAULT_MODELS)


def agrees(recorded: str, wanted: str) -> bool:
    """Whether a model that an index records may be the one that is wanted; a revision counts only where it is given."""
    name = Path(wanted).expanduser().resolve().name if is_folder(wanted) else ALIASES.get(wanted, wanted)
    return recorded == name or recorded.startswith(f"{name}@")


def embedder_cost(name: str, settings: Settings) -> Cost:
    """What the embedder costs of a model by its name or folder; of one that is not here, what MiniLM does."""
    found = MINILM if agrees(MINILM, name) else _latest(name, settings)
    if found is None or found == MINILM:
        return budget.cost(KIND, "minilm")
    folder = settings.models_dir / folder_of(found)
    sizes = ((folder / file).stat().st_size for file in ("model.bin", "tokenizer.json"))
    return budget.embedder_cost(found, *sizes)


def is_folder(name: str) -> bool:
    """Whether an embedding model's name is meant as a folder: a path that says so, or is there."""
    return name.startswith(("/", ".", "~")) or Path(name).is_dir()


def _opened(name: str, settings: Settings) -> Embedder:
    from halfgig.models.sentence import kept_recipe
    from halfgig.retrieval.vectors import SentenceEmbedder

    store = _store(settings)
    if name not in store.models:
        raise ModelError(f"The embedding model {name} is not in {store.root}.", f"Run: halfgig models pull {name}.")
    folder = store.locate(name)
    return SentenceEmbedder(folder, name, threads(settings), kept_recipe(folder))


def _latest(name: str, settings: Settings) -> str | None:
    """The model of the store that a name or folder means, the latest where several states of it are there."""
    store = _store(settings)
    fitting = [one for one in store.installed() if agrees(one, name)]
    return max(fitting, key=lambda one: (store.root / folder_of(one)).stat().st_mtime, default=None)


def _described(given: str, settings: Settings) -> Model:
    """The model of a name, hub id or folder, with the files it is of."""
    from halfgig.models.hub import folder_model, hub_model, place_of

    name = ALIASES.get(given, given)
    known = MODELS.get(name)
    if known is not None and known.kind is Kind.EMBEDDER:
        return known
    if is_folder(name):
        return folder_model(Path(name).expanduser())
    if known is not None or "/" not in name:
        raise BadRequest(
            f"There is no embedding model called {name}.", "Set EMBEDDING_MODEL to minilm, PUBLISHER/NAME, or a folder."
        )
    if settings.offline:
        raise ModelError(
            f"The model {name} is absent and HALFGIG_OFFLINE is set.", "Fetch it once, or give its folder."
        )
    return hub_model(place_of(name, settings.model_hub))


def _store(settings: Settings, *models: Model) -> ModelStore:
    from halfgig.models.store import ModelStore, known_models  # it brings what fetches; a server lives without

    known = known_models(settings.models_dir) | {model.id: model for model in models}
    return ModelStore(settings.models_dir, offline=settings.offline, models=known)
