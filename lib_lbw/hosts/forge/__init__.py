"""Block weights on Forge, reForge, Forge Classic and Forge Neo: hosts that keep patches of a LoRA beside the model."""
