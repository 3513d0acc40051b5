"""The adapter for stable-diffusion-webui 1.6 to 1.10."""

import hashlib
import json
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lib_lbw.hosts.a1111.host import Network
from lib_lbw.hosts.a1111.layers import Layers, file_of
from lib_lbw.hosts.a1111.schedules import Scheduled, acts_always
from lib_lbw.hosts.a1111.views import origin, te_ratios, unread, view
from lib_lbw.hosts.webui.entries import Queue, not_loaded
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.listed import filename_of
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.weights.notice import Notice


class A1111Adapter:
    """Puts ratios into the host's list of loaded LoRAs, and the changed layers up for merging."""

    name = "a1111"

    def __init__(self) -> None:
        self._patches = Patches()
        self._watched = Patches()
        self._layers = Layers()
        self._waiting = Queue(())
        self._scheduled: list[Scheduled] = []
        self._model: Callable[[], Any] = _no_model
        self._te_digest = ""
        self._notices: list[Notice] = []

    @property
    def notices(self) -> Sequence[Notice]:
        """What the last activation could not do."""
        return tuple(self._notices)

    def install(self) -> None:
        """Wrap the two functions of the host's LoRA extension that everything goes through."""
        import networks

        self._undo()
        self._patches.wrap(networks, "load_networks", self._load)
        self._watched.wrap(networks, "network_apply_weights", self._layers.apply)
        self._want(networks)

    def uninstall(self) -> None:
        """Take the wrappers off, and everything we put into the model."""
        import networks

        self._undo()
        self._release(networks)
        self._layers.forget()
        self._te_digest = ""

    def _undo(self) -> None:
        self._patches.undo()
        self._watched.undo()

    def begin(self, entries: Sequence[tuple[str, Entry | None]]) -> None:
        """Take the entries of the tags that are about to be loaded."""
        self._waiting = Queue(entries)
        self._notices = []

    def end(self) -> None:
        """Forget the entries; tell of tags that were never asked for, plain ones too."""
        if self._waiting.has_tags:
            self._notices.append(not_loaded())
        self._waiting = Queue(())

    def te_digest(self) -> str:
        """Return a digest of the text encoders' ratios and of the files they belong to."""
        return self._te_digest

    def on_step(self, step: int, steps: int, p: object) -> None:
        """Switch the schedules; after a change of model (refiner) put them beside the new one's layers first."""
        if not self._scheduled:
            return
        changed = self._arm()
        for scheduled in self._scheduled:
            changed |= scheduled.at(step, steps)
        if changed:
            import networks

            self._layers.want(networks.loaded_networks)

    def _load(
        self,
        original: Callable[..., Any],
        names: Sequence[str],
        te_multipliers: Sequence[float] | None = None,
        unet_multipliers: Sequence[float] | None = None,
        dyn_dims: Sequence[int | None] | None = None,
    ) -> Any:
        """Stand in for `load_networks`, which anybody may call; only between `begin` and `end` it loads our tags.

        A host whose activation fails on the way here calls again without the tags of the prompt: they go on waiting.
        """
        import networks

        self._release(networks)
        _let_go_of_lost_files(networks)
        _notice_changed_files(networks)
        try:
            result = original(names, te_multipliers, unet_multipliers, dyn_dims)
        except Exception:
            if self._waiting.has_entries:
                networks.loaded_networks.clear()  # what was loaded so far would act without its weights
            self._settle(networks)
            raise
        multipliers = {"te_multiplier": te_multipliers, "unet_multiplier": unet_multipliers, "dyn_dim": dyn_dims}
        tags = [
            _Tag(self._waiting.take(name), {field: each[number] for field, each in multipliers.items() if each})
            for number, name in enumerate(names)
        ]
        self._place(networks.loaded_networks, tags, names)
        self._settle(networks)
        return result

    def _settle(self, networks: Any) -> None:
        """Let what is in the host's list be what is merged from now on."""
        self._te_digest = _te_digest(networks.loaded_networks)
        self._arm()
        self._want(networks)

    def _want(self, networks: Any) -> None:
        """Let the layers be watched while there are LoRAs; a picture without any runs through the host's code alone."""
        self._watched.undo()
        if networks.loaded_networks:
            self._layers.want(networks.loaded_networks)
            self._watched.wrap(networks, "network_apply_weights", self._layers.apply)
        else:
            self._layers.forget()

    def _place(self, loaded: list[Network], tags: Sequence["_Tag"], names: Sequence[str]) -> None:
        """Put views where a tag has an entry, and where the host's one object stands for two tags of which one has."""
        placed: list[_Tag] = []
        for tag, name in zip(tags, names, strict=True):
            if len(placed) < len(loaded) and loaded[len(placed)].mentioned_name == name:  # else it could not be loaded
                placed.append(tag)
        pairs = list(zip(loaded, placed, strict=False))
        ours = {id(network) for network, tag in pairs if tag.entry is not None}
        for index, (network, tag) in enumerate(pairs):
            if id(network) in ours:
                loaded[index] = self._viewed(network, tag)

    def _viewed(self, network: Network, tag: "_Tag") -> Network:
        made = view(network, tag.entry)
        for field, value in tag.multipliers.items():
            setattr(made, field, value)
        schedule = None if tag.entry is None else tag.entry.schedule
        if schedule is not None and not acts_always(schedule):
            self._scheduled.append(Scheduled(made, schedule))
        strange = unread(network)
        if strange:
            template = "{lora}: {count} modules have names that we cannot read; they weigh as OTHER"
            self._notices.append(Notice.of(template, lora=network.mentioned_name, count=strange))
        return made

    def _arm(self) -> bool:
        """Put the schedules beside the layers of the model in use; tell whether they were not there."""
        if not self._scheduled:
            return False
        from modules import shared

        model = shared.sd_model
        if self._model() is model:
            return False
        self._model = weakref.ref(model)
        for scheduled in self._scheduled:
            scheduled.arm(getattr(model, "network_layer_mapping", {}))
        return True

    def _release(self, networks: Any) -> None:
        """Give the host its own objects back: it uses those again that it finds in its list."""
        for scheduled in self._scheduled:
            scheduled.disarm()
        self._scheduled = []
        self._model = _no_model
        networks.loaded_networks[:] = [origin(network) for network in networks.loaded_networks]


class _Tag(NamedTuple):
    """A tag that the host loads: our entry, and the host's multipliers by the names of their fields."""

    entry: Entry | None
    multipliers: Mapping[str, Any]


def _no_model() -> None:
    return None


def _let_go_of_lost_files(networks: Any) -> None:
    """Make the host say that a file is gone; it would go on with what it has in memory, without weights of ours."""

    def is_lost(network: Network) -> bool:
        path = Path(network.network_on_disk.filename)
        return path.stem not in networks.available_networks and not path.exists()

    networks.loaded_networks[:] = [network for network in networks.loaded_networks if not is_lost(network)]
    for name in [name for name, network in networks.networks_in_memory.items() if is_lost(network)]:
        del networks.networks_in_memory[name]


def _notice_changed_files(networks: Any) -> None:
    """Make the host read again what has become older, or is another file of that name now; it only looks for newer."""
    for network in [*networks.loaded_networks, *networks.networks_in_memory.values()]:
        path = str(network.network_on_disk.filename)
        try:
            known = filename_of(networks, network.name) in (None, path)
            unchanged = known and Path(path).stat().st_mtime == network.mtime
        except OSError:
            continue
        if not unchanged:
            network.mtime = float("-inf")


def _te_digest(networks: Iterable[Network]) -> str:
    merged = [[*file_of(network), te_ratios(network)] for network in networks]
    return hashlib.sha256(json.dumps(merged).encode()).hexdigest()[:12] if merged else ""
