"""The embedded model as a host."""

from pathlib import Path

import pytest
import torch

from lib_lbw.demo import demo_lora_names, opening
from lib_lbw.demo.opening import GUIDANCE, open_embedded

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_it_opens_with_its_size_guidance_and_loras() -> None:
    host = open_embedded("cpu")
    assert (host.defaults.width, host.defaults.height, host.defaults.cfg_scale) == (64, 64, GUIDANCE)
    assert (host.model, host.family.id, set(host.loras)) == ("embedded", "sd1", set(demo_lora_names()))
    assert set(open_embedded("cpu", loras={"mine": Path("mine")}).loras) == {"mine"}


def test_the_best_device_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def loaded(device: object, dtype: object) -> object:
        asked.append((device, dtype))
        raise InterruptedError

    monkeypatch.setattr(opening, "best_device", lambda: "cuda")
    monkeypatch.setattr(opening, "load_demo_pipeline", loaded)
    for device, dtype in ((None, None), ("cpu", None), (None, torch.float32)):
        with pytest.raises(InterruptedError):
            open_embedded(device, dtype)
    assert asked == [("cuda", torch.float16), ("cpu", torch.float32), ("cuda", torch.float32)]
