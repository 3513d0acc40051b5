"""Floor 3: numbers onto modules. `plan` gives every module of a LoRA its scale, `recipes` adds up several LoRAs."""
