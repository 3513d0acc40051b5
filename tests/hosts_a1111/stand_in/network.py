"""A stand-in for the host's LoRA objects, written from what they do: one class per algorithm, multiplier last."""

import torch


class NetworkOnDisk:
    def __init__(self, name, filename):
        self.name, self.filename = name, filename
        self.shorthash = name

    def read_hash(self):
        pass


class Network:
    def __init__(self, name, on_disk):
        self.name, self.network_on_disk = name, on_disk
        self.te_multiplier = self.unet_multiplier = 1.0
        self.dyn_dim = None
        self.modules = {}
        self.bundle_embeddings = {}
        self.mtime = None
        self.mentioned_name = None


class NetworkModule:
    def __init__(self, network, network_key, sd_key, sd_module, tensors):
        self.network, self.network_key, self.sd_key, self.sd_module = network, network_key, sd_key, sd_module
        self.alpha = tensors["alpha"].item() if "alpha" in tensors else None
        self.bias, self.dim = None, None
        self.dora_scale = tensors.get("dora_scale")

    def multiplier(self):
        return self.network.te_multiplier if "transformer" in self.sd_key[:20] else self.network.unet_multiplier

    def calc_scale(self):
        return 1.0 if self.alpha is None or self.dim is None else self.alpha / self.dim

    def finalize(self, delta, weight, bias=None):
        delta = delta.reshape(weight.shape) * self.calc_scale()
        if self.dora_scale is not None:
            whole = weight + delta
            norm = whole.transpose(0, 1).flatten(1).norm(dim=1).reshape(1, -1, *[1] * (whole.dim() - 2))
            delta = whole * (self.dora_scale / norm) - weight
        return delta * self.multiplier(), None if bias is None else bias * self.multiplier()


class NetworkModuleLora(NetworkModule):
    def __init__(self, *args):
        super().__init__(*args)
        tensors = args[-1]
        self.down_model = self._model(tensors["lora_down.weight"], first=True)
        self.up_model = self._model(tensors["lora_up.weight"], first=False)
        self.mid_model = None
        self.dim = tensors["lora_down.weight"].shape[0]

    def _model(self, weight, first):
        if not isinstance(self.sd_module, torch.nn.Conv2d):
            weight = weight.flatten(1)
            model = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        else:
            geometry = (self.sd_module.kernel_size, self.sd_module.stride, self.sd_module.padding)
            wide = first and self.sd_module.kernel_size != (1, 1)
            model = torch.nn.Conv2d(weight.shape[1], weight.shape[0], *(geometry if wide else (1,)), bias=False)
        model.weight.requires_grad_(False).copy_(weight.reshape(model.weight.shape))
        return model

    def calc_updown(self, weight):
        up, down = self.up_model.weight, self.down_model.weight
        return self.finalize(up.flatten(1).to(weight.dtype) @ down.flatten(1).to(weight.dtype), weight)

    def forward(self, x, y):
        return y + self.up_model(self.down_model(x)) * self.multiplier() * self.calc_scale()


class NetworkModuleFull(NetworkModule):
    def __init__(self, *args):
        super().__init__(*args)
        self.weight, self.ex_bias = args[-1]["diff"], args[-1].get("diff_b")

    def calc_updown(self, weight):
        return self.finalize(self.weight.to(weight.dtype), weight, self.ex_bias)


class NetworkModuleNorm(NetworkModule):
    def __init__(self, *args):
        super().__init__(*args)
        self.weight, self.ex_bias = args[-1]["w_norm"], args[-1].get("b_norm")

    def calc_updown(self, weight):
        return self.finalize(self.weight.to(weight.dtype), weight, self.ex_bias)


KINDS = {"lora_up.weight": NetworkModuleLora, "diff": NetworkModuleFull, "w_norm": NetworkModuleNorm}
