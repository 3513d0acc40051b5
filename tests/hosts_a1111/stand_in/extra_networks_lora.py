"""A stand-in for the host's reading of LoRA tags: whatever has no key goes to `float` and `int`."""

import networks
from modules import extra_networks, shared


class ExtraNetworkLora(extra_networks.ExtraNetwork):
    def __init__(self):
        super().__init__("lora")
        self.errors = {}

    def activate(self, p, params_list):
        always = shared.opts.sd_lora
        if always in networks.available_networks and all(tag.items[0] != always for tag in params_list):
            params_list.append(extra_networks.ExtraNetworkParams(items=[always, 1.0]))
        rows = []
        for tag in params_list:
            te, unet, dyn = [*tag.positional[1:4], *[None] * 3][:3]
            te = float(tag.named.get("te", 1.0 if te is None else te))
            unet = float(tag.named.get("unet", te if unet is None else unet))
            dyn = tag.named.get("dyn", dyn)
            rows.append((tag.positional[0], te, unet, None if dyn is None else int(dyn)))
        networks.load_networks(*map(list, zip(*rows, strict=True)) if rows else [[]])
