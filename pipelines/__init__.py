"""Pipelines: one file a task, each taking ready components and returning a small output."""
