"""`python -m penstock`: the command line of this interpreter."""

from penstock.cli.main import main

if __name__ == "__main__":
    main()
