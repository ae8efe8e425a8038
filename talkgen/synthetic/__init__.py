"""Labelled pictures that the engine makes itself."""
