"""`python -m almoner`."""

from almoner.cli import main

if __name__ == "__main__":
    main()
