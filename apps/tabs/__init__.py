"""The tabs of the page: each turns its fields into a command and shows what that made."""
