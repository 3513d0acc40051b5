"""The results panel: what analyses found, to look at, compare, and turn into a preset; answered for the page."""
