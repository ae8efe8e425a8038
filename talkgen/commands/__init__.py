"""Commands with a file each; `talkgen.cli` registers them."""
