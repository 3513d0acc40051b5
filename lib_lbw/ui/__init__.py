"""Floor 5: gradio panels, used by the app and by the WebUIs. `compat` alone knows the versions of gradio."""
