"""The door for the panels in the browser: one JSON question in, one JSON answer out, the same in every home."""
