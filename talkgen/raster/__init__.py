"""Triangles become pixels: a z-buffer on the processor, in bands of rows."""
