"""Renderers: a portrait under motion becomes frames."""
