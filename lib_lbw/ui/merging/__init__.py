"""The merge panel's side in Python: what was filled in becomes a recipe, and the work a job that can be watched."""
