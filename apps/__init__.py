"""The page of `talkgen demo`: it runs the commands and shows what they make."""
