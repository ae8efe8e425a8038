"""Applications on top of the pipelines."""
