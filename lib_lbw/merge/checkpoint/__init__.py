"""Checkpoints and LoRAs: a LoRA as the difference of two checkpoints, and LoRAs built into one.

Both read one tensor at a time and write one at a time; the text encoders, fused or not, are layers like any other.
"""
