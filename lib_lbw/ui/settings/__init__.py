"""The settings of the app: what is kept of them, and what the page tells of the program beside them."""
