"""Files in and out: pictures, sound, video."""
