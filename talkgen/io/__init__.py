"""Pictures, sound and video: reading what people have, writing what browsers play."""
