"""Block weights on the hosts that load a LoRA with `networks.load_lora_for_models`: Forge and its descendants."""

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lib_lbw.errors import HostError
from lib_lbw.hosts.forge.activation import Weighing
from lib_lbw.hosts.forge.files import LoraFiles
from lib_lbw.hosts.forge.found import missing
from lib_lbw.hosts.forge.host import Host, find_host
from lib_lbw.hosts.forge.loading import Loading, find
from lib_lbw.hosts.forge.persistent import let_go_of_weights
from lib_lbw.hosts.forge.refresh import IncrementalRefresh
from lib_lbw.hosts.forge.reload import IncrementalReload
from lib_lbw.hosts.forge.schedules import Schedules
from lib_lbw.hosts.webui.entries import not_loaded
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.weights.notice import Notice

MISSING = "there is no LoRA called {name}; the others of the prompt are applied without it"
UNREADABLE = "{name} could not be applied and was left out: {error}"
ABANDONED = "the LoRAs of this prompt could not be applied; the picture is made without any: {error}"
_NOTHING = Loading((), keep_zeros=False)


class ForgeAdapter:
    """See `lib_lbw.hosts.webui.adapter.Adapter`. One object serves one running host."""

    name = "forge"

    def __init__(self, host: Host | None = None) -> None:
        """Without `host`, the running one is looked up when the adapter is installed."""
        self._known_host = host
        self._patches: Patches | None = None
        self._before_loading = Patches()
        self._before: Any = None
        self._files = LoraFiles()
        self._pending: tuple[tuple[str, Entry | None], ...] = ()
        self._loading: Loading | None = None
        # by model: a host may keep several loaded, each with its LoRAs
        self._applied: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._schedules: weakref.WeakKeyDictionary[Any, Schedules] = weakref.WeakKeyDictionary()
        self._te_digest = _NOTHING.te_digest
        self._notices: list[Notice] = []

    @property
    def notices(self) -> Sequence[Notice]:
        """What the last activation could not do, and why."""
        return tuple(self._notices)

    def install(self) -> None:
        """Wrap what loads LoRAs and what merges them. Raises HostError in a program that is no Forge."""
        if self._patches is not None:
            return
        self._known_host = self._known_host or find_host()
        host, patches = self._known_host, Patches()
        self._patches = patches
        self._stand_before_loading()
        patches.wrap(host.networks, "load_lora_for_models", self._load_lora)
        patches.wrap(host.networks, "load_lora_state_dict", self._read)
        if host.loader is not None:
            patches.wrap(host.loader, "refresh", IncrementalRefresh(host.merge))
        if host.patcher is not None:
            patches.wrap(host.patcher, "partially_load", IncrementalReload())

    def uninstall(self) -> None:
        """Take the wrappers and the schedules off; what is applied with our ratios is applied anew by the host."""
        if self._patches is None:
            return
        self._patches.undo()
        self._patches = None
        self._before_loading.undo()
        for model in list(self._applied):
            self._invalidate(model)
        self._files = LoraFiles()

    def begin(self, entries: Sequence[tuple[str, Entry | None]]) -> None:
        """Take the tags of the coming activation, in the order of the prompt."""
        self._stand_before_loading()
        self._pending = tuple(entries)
        self._loading = None
        self._notices = []

    def end(self) -> None:
        """Forget the tags: LoRAs that somebody else loads later are plain. Tell of those that were never asked for."""
        # newer Classic leaves out tags of no strength
        leaves_out = self._pending and hasattr(self._host.shared, "cached_lora_hash")
        if any(not leaves_out or (entry and (entry.weights.te or entry.weights.unet)) for _, entry in self._pending):
            self._notices.append(not_loaded())
        self._pending = ()
        self._loading = None

    def te_digest(self) -> str:
        """Return a text that changes with the text encoders' ratios, and with the files they come from."""
        return self._te_digest

    def on_step(self, step: int, steps: int, p: object) -> None:
        """Open and close the windows of scheduled LoRAs."""
        for schedules in self._schedules.values():
            schedules.step(step, steps)

    @property
    def _host(self) -> Host:
        if self._known_host is None:
            raise HostError("the adapter is not installed")
        return self._known_host

    def _model(self) -> Any:
        return self._host.sd_models.model_data.get_sd_model()

    def _schedules_of(self, model: Any) -> Schedules:
        return self._schedules.setdefault(model, Schedules())

    def _stand_before_loading(self) -> None:
        """Wrap what loads LoRAs; again where somebody has replaced it, as Regional Prompter does on Forge, for good."""
        networks = self._host.networks
        if networks.load_networks is not self._before:
            self._before_loading.undo()
            self._before_loading.wrap(networks, "load_networks", self._load_networks)
            self._before = networks.load_networks

    def _load_networks(
        self,
        original: Callable[..., Any],
        names: Sequence[str],
        te_multipliers: Sequence[float] | None = None,
        unet_multipliers: Sequence[float] | None = None,
        *rest: Any,
        **options: Any,
    ) -> Any:
        """Stand in for the host's function.

        Leaves out what is missing, and makes the host build its patches anew exactly when something differs that its
        own comparison, by file and multipliers, does not see.
        """
        host = self._host
        model = self._model()
        if model is None or te_multipliers is None or unet_multipliers is None:
            return original(names, te_multipliers, unet_multipliers, *rest, **options)
        gone = missing(host.networks, names)
        self._notices += [Notice.of(MISSING, name=name) for name in sorted(gone)]
        there = [name not in gone for name in names]
        columns = [_only(column, there) for column in (names, te_multipliers, unet_multipliers, *rest)]
        found = find(host.networks, columns[0], columns[1], columns[2], self._pending, self._files.version)
        loading = self._loading = Loading(found, keep_zeros=self._shared_with_others(original))
        if self._applied.get(model, _NOTHING.digest) != loading.digest:
            self._invalidate(model)
        try:
            result = original(*columns, **{name: _only(column, there) for name, column in options.items()})
        except Exception as error:
            self._abandon(model, error)
            raise
        finally:
            self._loading = None
        # a host that failed before it came here calls without the tags it failed on: they wait for `end`
        self._pending = tuple((name, entry) for name, entry in self._pending if name not in names)
        self._applied[model] = loading.digest
        self._te_digest = loading.te_digest
        self._files.release_all_but(loading.filenames)
        return result

    def _load_lora(
        self,
        original: Callable[..., Any],
        model: Any,
        clip: Any,
        lora: Any,
        strength_model: float,
        strength_clip: float,
        filename: str = "default",
        *args: Any,
        **options: Any,
    ) -> tuple[Any, Any]:
        """Stand in for the host's function: the same patches, with the weights of the tag."""

        def load() -> tuple[Any, Any]:
            made = original(model, clip, lora, strength_model, strength_clip, filename, *args, **options)
            return made[0], made[1]

        loading = self._loading
        if loading is None:
            return load()  # not the LoRAs of a prompt
        if not lora:
            return model, clip  # a file that could not be read, and has been told of
        schedules = self._schedules_of(self._model())
        if not loading.begun:
            schedules.clear()
        found = loading.take(filename)
        if found is None or not (loading.ours or found.mark):
            return load()
        weighing = Weighing(found, loading.keep_zeros, self._host.merge, schedules)
        try:
            made = weighing(load, model, clip)
        except Exception as error:  # noqa: BLE001 - a file the host cannot apply must not take the other LoRAs with it
            self._notices.append(Notice.of(UNREADABLE, name=found.name, error=error))
            return model, clip
        self._notices += weighing.notices()
        return made

    def _read(self, original: Callable[..., Any], filename: str, *args: Any, **options: Any) -> Any:
        """Stand in for the host's reading of a file: once, and again when it has changed."""
        if self._loading is None:
            return self._files.fresh(original, filename, *args, **options)
        try:
            return self._files.read(original, filename, *args, **options)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, the others must be applied
            self._notices.append(Notice.of(UNREADABLE, name=Path(filename).stem, error=error))
            return {}

    def _shared_with_others(self, load_networks: Callable[..., Any]) -> bool:
        """Tell whether somebody else stands between us and the host's own loading, as Regional Prompter does."""
        networks = self._host.networks
        return getattr(load_networks, "__module__", None) != networks.__name__ or hasattr(load_networks, "__wrapped__")

    def _abandon(self, model: Any, error: Exception) -> None:
        """Leave no LoRA applied after a failure: neither half of these nor those of the picture before."""
        self._invalidate(model)
        self._pending = ()
        model.forge_objects_after_applying_lora = model.forge_objects_original.shallow_copy()
        self._te_digest = _NOTHING.te_digest
        self._notices.append(Notice.of(ABANDONED, error=error))

    def _invalidate(self, model: Any) -> None:
        """Make the host build its patches anew at the next activation; newer Classic keeps its notes elsewhere."""
        self._applied.pop(model, None)
        self._schedules_of(model).clear()
        model.current_lora_hash = None
        if hasattr(self._host.shared, "cached_lora_hash"):
            self._host.shared.cached_lora_hash = []  # the host clears it: it must stay a list
            let_go_of_weights(model)


def _only(column: Any, there: Sequence[bool]) -> Any:
    """Return the items of a list that runs beside the names, where `there` is true; anything else as it is."""
    if not isinstance(column, list | tuple) or len(column) != len(there):
        return column
    return [item for item, kept in zip(column, there, strict=True) if kept]
