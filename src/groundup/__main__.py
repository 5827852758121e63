"""`python -m groundup train …`, as `groundup train …`."""

from groundup.cli.main import main

if __name__ == "__main__":
    main()
