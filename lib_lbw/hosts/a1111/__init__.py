"""Block weights on stable-diffusion-webui 1.6 to 1.10.

That host merges LoRAs layer by layer, each just before it is used, and leaves a layer alone whose list of (name,
multipliers) is the one it was merged with. We give it copies of its LoRA objects whose modules multiply with our
ratios, and tell it which layers to merge anew. No tensor is changed, and no file is read.

    load_networks --views--> loaded_networks --layers--> network_apply_weights
                  --schedules--> merged in their steps, or added by branches
"""
