"""The network of a trained run for other programs: `python export.py run=DIR`. Help: `python export.py --help`."""

from groundup.cli.door import door

main = door("export", __file__)  # an @hydra.main: shell completion looks for this word

if __name__ == "__main__":
    main()
