"""Motion: from speech, to files, onto portraits."""
