"""`python -m vbench`: the command line where no script is on the path."""

from vbench.cli import main

if __name__ == "__main__":
    main()
