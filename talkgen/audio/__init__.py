"""Sound: features and voice activity."""
