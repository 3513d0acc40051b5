"""The U-Net part of a LoRA in some of the steps only."""

from typing import Any

from lib_lbw.hosts.a1111.branches import Branch, can_branch
from lib_lbw.hosts.a1111.host import Network, layer_of
from lib_lbw.hosts.a1111.views import is_text_encoder
from lib_lbw.weights.schedule import Schedule


class Scheduled:
    """A view whose U-Net modules act in the steps of `schedule`.

    What can stand beside its layer does so, the rest is merged when its steps begin and taken out when they end.
    `arm` and `at` must be followed by a look at `view.modules`, which holds what is to be merged now.
    """

    def __init__(self, view: Network, schedule: Schedule) -> None:
        self._view = view
        self._schedule = schedule
        self._all = dict(view.modules)
        self._merged = dict(view.modules)
        self._branches: list[Branch] = []
        self._active = False

    def arm(self, layers: dict[str, Any]) -> None:
        """Stand beside the `layers` (name -> layer) of a model, in the state of a first step."""
        self.disarm()
        self._merged = {}
        for key, module in self._all.items():
            name = layer_of(key, self._all)
            layer = layers.get(name, module.sd_module)
            if is_text_encoder(module) or name != key or not can_branch(module, layer):
                self._merged[key] = module
            else:
                self._branches.append(Branch(module, layer))
        self._switch(self._schedule.active(0, 1))

    def at(self, step: int, steps: int) -> bool:
        """Move to `step` of `steps`; tell whether what is to be merged has changed."""
        active = self._schedule.active(step, steps)
        if active == self._active:
            return False
        before = len(self._view.modules)
        self._switch(active)
        return len(self._view.modules) != before

    def disarm(self) -> None:
        """Take all branches off their layers."""
        for branch in self._branches:
            branch.remove()
        self._branches = []

    def _switch(self, active: bool) -> None:
        self._active = active
        for branch in self._branches:
            branch.active = active
        merged = self._merged.items()
        self._view.modules = {key: module for key, module in merged if active or is_text_encoder(module)}


def acts_always(schedule: Schedule) -> bool:
    """Tell whether a schedule holds every step of every pass: nothing before its start, nothing after its stop."""
    starts = schedule.start is None or schedule.start.number == 0
    return starts and (schedule.stop is None or (schedule.stop.fraction and schedule.stop.number == 1))
