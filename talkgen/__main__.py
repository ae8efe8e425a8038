"""`python -m talkgen`: the commands, from a bare checkout too."""

from talkgen.cli import main

if __name__ == "__main__":
    main()
