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
    from halfgig.retrieval.embedding import Embedder
    from halfgig.settings import Settings

MINILM = "all-MiniLM-L6-v2"
ALIASES = {"minilm": MINILM, f"sentence-transformers/{MINILM}": MINILM}
SERVED = "served:"  # as retrieval/served.py has it, which is loaded only where it is wanted
KIND = "search"  # of the budget's rows


def open_embedder(settings: Settings, report: Listener) -> Embedder:
    """The embedder that the settings mean, its model fetched and converted where it is absent.

    Errors: BadRequest, ModelError, ServerTrouble.
    """
    if settings.embedding_url:
        return _served(_asked_for(settings), settings)
    return _opened(ensure_model(settings.embedding_model, settings, report), settings)


def embedder_for(recorded: str, settings: Settings, report: Listener) -> Embedder:
    """The embedder that an index records, where the settings mean it and it is here; else as of `open_embedder`.

    So neither is a folder read again for each source, nor what it holds now taken into an index of what it held.
    """
    if agrees(recorded, model_name(settings)) and recorded in _store(settings).installed():
        return _opened(recorded, settings)
    return open_embedder(settings, report)


def reopen_embedder(name: str, settings: Settings) -> Embedder:
    """The embedder of a model by the name that an index records. Nothing is fetched. ModelError where it is absent."""
    if not name.startswith(SERVED):
        return _opened(name, settings)
    if not settings.embedding_url:
        raise ModelError(f"The index was made by a server's {name.removeprefix(SERVED)}.", "Set EMBEDDING_URL.")
    return _served(name.removeprefix(SERVED), settings)


def ensure_model(given: str, settings: Settings, report: Listener) -> str:
    """Have the embedding model of this name, hub id or folder in the store; the name that an index records of it.

    Errors: BadRequest where it means no embedding model, ModelError where it cannot be had or run.
    """
    changing = Path(given).expanduser().is_dir()  # what a folder holds may not be what it held
    found = None if changing else _latest(given, settings)
    if found is None:
        model = _described(given, settings)
        _store(settings, model).ensure(model.id, report)
        found = model.id
    return found


def model_name(settings: Settings) -> str:
    """What to call the model that the settings mean, before anything is fetched."""
    if settings.embedding_url:
        return f"{SERVED}{settings.embedding_model}"
    return ALIASES.get(settings.embedding_model, settings.embedding_model)


def wanted_models(settings: Settings) -> tuple[str, ...]:
    """The models that are worth fetching before any work: the usual ones, with the embedder that the settings mean."""
    names = (model_name(settings) if name == MINILM else name for name in DEFAULT_MODELS)
    return tuple(name for name in names if not name.startswith(SERVED))


def agrees(recorded: str, wanted: str) -> bool:
    """Whether a model that an index records may be the one that is wanted; a revision counts only where it is given."""
    if recorded.startswith(SERVED) or wanted.startswith(SERVED):
        return recorded == wanted
    name = Path(wanted).expanduser().resolve().name if is_folder(wanted) else ALIASES.get(wanted, wanted)
    return recorded == name or recorded.startswith(f"{name}@")


def embedder_cost(name: str, settings: Settings) -> Cost:
    """What the embedder costs of a model by its name or folder; of one that is not here, what MiniLM does."""
    if name.startswith(SERVED):
        return budget.cost("question", "served")
    found = MINILM if agrees(MINILM, name) else _latest(name, settings)
    if found is None or found == MINILM:
        return budget.cost(KIND, "minilm")
    folder = settings.models_dir / folder_of(found)
    sizes = ((folder / file).stat().st_size for file in ("model.bin", "tokenizer.json"))
    return budget.embedder_cost(found, *sizes)


def is_folder(name: str) -> bool:
    """Whether an embedding model's name is meant as a folder: a path that says so, or is there."""
    return name.startswith(("/", ".", "~")) or Path(name).is_dir()


def _asked_for(settings: Settings) -> str:
    """What the server calls its model. BadRequest where nothing was set."""
    if settings.embedding_model in ALIASES:
        raise BadRequest("EMBEDDING_URL is set, and no model of that server.", "Set EMBEDDING_MODEL to its name there.")
    return settings.embedding_model


def _served(name: str, settings: Settings) -> Embedder:
    """The server's embedder; a model of a well-known family gets what its card wants before texts."""
    from halfgig.models.sentence import family
    from halfgig.retrieval.served import ServedEmbedder, exchange_with

    known = family(name)
    exchange = exchange_with(settings.embedding_url, settings.embedding_api_key)
    if known is None:
        return ServedEmbedder(exchange, name)
    return ServedEmbedder(exchange, name, query=known.query, passage=known.passage)


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
