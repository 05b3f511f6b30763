"""``python -m evaluation`` is the command ``unfold``."""

from evaluation.cli import main

if __name__ == "__main__":
    main()
