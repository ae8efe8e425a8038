"""Pipelines: one file a task."""
