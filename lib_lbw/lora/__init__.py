"""Floor 1: what is in this LoRA file? Header without torch, modules, one file per algorithm, streaming writer."""
