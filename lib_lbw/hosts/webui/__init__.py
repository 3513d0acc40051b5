"""What the WebUI adapters share: a tag's resolved weights, and how they get into a running program."""
