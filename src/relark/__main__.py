"""``python -m relark``: the command line."""

from relark.cli import main

if __name__ == "__main__":
    main()
