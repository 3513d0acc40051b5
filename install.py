"""Run by the WebUI at every start. Everything this extension needs is part of the WebUI; nothing is installed."""
