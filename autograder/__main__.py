"""``python -m autograder``."""

from autograder.cli.entry import main

main()
