"""Critics: what a video is worth, measured."""
