"""A stand-in for the host's list of LoRAs and its merging, written from what they do.

Layers are merged when they are used; a layer whose list of (name, multipliers) is the wanted one is left alone; a
changed layer is restored from its backup first; the objects of the last prompt are used again by their name; one
object stands for two tags of one file.
"""

from pathlib import Path

import network
import torch
from modules import shared
from safetensors.torch import load_file

available_networks = {}
available_network_aliases = {}
forbidden_network_aliases = {}
loaded_networks = []
networks_in_memory = {}
failed = []
WRAPPED = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.LayerNorm, torch.nn.MultiheadAttention)
originals = {}


def list_available_networks():
    available_networks.clear()
    available_network_aliases.clear()
    for path in sorted(Path(shared.cmd_opts.lora_dir).rglob("*.safetensors")):
        found = network.NetworkOnDisk(path.stem, str(path))
        available_networks[path.stem] = available_network_aliases[path.stem] = found


def assign_network_names_to_compvis_modules(model):
    roots = {"": model.model}
    if model.is_sdxl:
        roots.update({f"{i}_": each.wrapped for i, each in enumerate(model.conditioner.embedders)})
    else:
        roots["te"] = model.cond_stage_model.wrapped
    model.network_layer_mapping = {}
    for head, root in roots.items():
        for name, module in root.named_modules():
            module.network_layer_name = head.replace("te", "") + name.replace(".", "_")
            model.network_layer_mapping[module.network_layer_name] = module


def load_network(name, on_disk):
    found = network.Network(name, on_disk)
    found.mtime = Path(on_disk.filename).stat().st_mtime
    groups = {}
    for key, tensor in load_file(on_disk.filename).items():
        module, _, part = key.partition(".")
        groups.setdefault(module, (key, {}))[1][part] = tensor
    mapping = shared.sd_model.network_layer_mapping
    for module, (key, tensors) in groups.items():
        sd_key = shared.sd_model.sd_keys[module]
        layer = mapping.get(sd_key) or mapping[sd_key.rsplit("_", 2)[0]]
        kind = next(kind for part, kind in network.KINDS.items() if part in tensors)
        found.modules[sd_key] = kind(found, key, sd_key, layer, tensors)
    return found


def load_networks(names, te_multipliers=None, unet_multipliers=None, dyn_dims=None):
    known = {each.name: each for each in loaded_networks if each.name in names}
    loaded_networks.clear()
    if any(name not in available_networks for name in names):
        list_available_networks()
    failed.clear()
    for i, name in enumerate(names):
        on_disk = available_networks.get(name)
        found = known.get(name) or networks_in_memory.get(name)
        if on_disk is None and found is None:  # what is in memory goes on acting
            failed.append(name)
            continue
        if on_disk is not None and (found is None or Path(on_disk.filename).stat().st_mtime > found.mtime):
            found = load_network(name, on_disk)
            networks_in_memory[name] = found
        found.mentioned_name = name
        found.te_multiplier = te_multipliers[i] if te_multipliers else 1.0
        found.unet_multiplier = unet_multipliers[i] if unet_multipliers else 1.0
        found.dyn_dim = dyn_dims[i] if dyn_dims else None
        loaded_networks.append(found)
    while len(networks_in_memory) > shared.opts.lora_in_memory_limit:
        networks_in_memory.pop(next(iter(networks_in_memory)))


def network_restore_weights_from_backup(layer):
    backup = getattr(layer, "network_weights_backup", None)
    if backup is None:
        return
    for parameter, saved in zip(_weights(layer), backup, strict=True):
        parameter.copy_(saved)
    owner, bias = _bias_owner(layer), layer.network_bias_backup
    if bias is None:
        owner.bias = None
    else:
        owner.bias.copy_(bias)


def _weights(layer):
    return [layer.in_proj_weight, layer.out_proj.weight] if hasattr(layer, "in_proj_weight") else [layer.weight]


def _bias_owner(layer):
    return getattr(layer, "out_proj", layer)


def network_apply_weights(layer):
    name = getattr(layer, "network_layer_name", None)
    if name is None:
        return
    current = getattr(layer, "network_current_names", ())
    wanted = tuple((each.name, each.te_multiplier, each.unet_multiplier, each.dyn_dim) for each in loaded_networks)
    if wanted and getattr(layer, "network_weights_backup", None) is None:
        if current != ():
            raise RuntimeError("no backup, but not unchanged")
        layer.network_weights_backup = [parameter.clone() for parameter in _weights(layer)]
    if wanted and getattr(layer, "network_bias_backup", None) is None and _bias_owner(layer).bias is not None:
        if current != ():
            raise RuntimeError("no backup of the bias, but not unchanged")
        layer.network_bias_backup = _bias_owner(layer).bias.clone()
    layer.__dict__.setdefault("network_bias_backup", None)
    if current == wanted:
        return
    network_restore_weights_from_backup(layer)
    for each in loaded_networks:
        _merge(layer, name, each)
    layer.network_current_names = wanted


def _merge(layer, name, each):
    module = each.modules.get(name)
    with torch.no_grad():
        if module is not None and hasattr(layer, "weight"):
            delta, bias = module.calc_updown(layer.weight)
            layer.weight.copy_(layer.weight + delta)
            if bias is not None and layer.bias is None:
                layer.bias = torch.nn.Parameter(bias, requires_grad=False)
            elif bias is not None:
                layer.bias.add_(bias)
            return
        parts = [each.modules.get(f"{name}_{part}_proj") for part in ("q", "k", "v", "out")]
        if hasattr(layer, "in_proj_weight") and all(parts):
            pieces = layer.in_proj_weight.chunk(3, 0)
            deltas = [part.calc_updown(piece)[0] for part, piece in zip(parts, pieces, strict=False)]
            layer.in_proj_weight.add_(torch.cat(deltas))
            layer.out_proj.weight.add_(parts[3].calc_updown(layer.out_proj.weight)[0])


def network_forward(layer, x, original):
    network_restore_weights_from_backup(layer)
    layer.network_current_names, layer.network_weights_backup, layer.network_bias_backup = (), None, None
    y = original(layer, x)
    for each in loaded_networks:
        module = each.modules.get(layer.network_layer_name)
        y = y if module is None else module.forward(x, y)
    return y


def wrap_layers():
    for kind in WRAPPED:
        originals[kind] = kind.forward
        kind.forward = _merging(kind)


def unwrap_layers():
    for kind, forward in originals.items():
        kind.forward = forward


def _merging(kind):
    def forward(layer, *args, **kwargs):
        if (
            shared.opts.lora_functional
            and kind is not torch.nn.MultiheadAttention
            and hasattr(layer, "network_layer_name")
        ):
            return network_forward(layer, args[0], originals[kind])
        network_apply_weights(layer)
        return originals[kind](layer, *args, **kwargs)

    return forward
