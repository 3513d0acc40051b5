"""Floor 3: what becomes of several LoRAs, or of one: exact sums, best ranks, files.

Recipe --plan_merge (headers)--> MergePlan --run_merge (tensors)--> MergeResult
"""
