"""The arithmetic of merging, one module at a time: pure functions of tensors, float64 inside, safe on any thread."""
