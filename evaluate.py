"""The test metrics of a trained run: `python evaluate.py run=DIR`. Help: `python evaluate.py --help`."""

from groundup.cli.door import door

main = door("evaluate", __file__)  # an @hydra.main: shell completion looks for this word

if __name__ == "__main__":
    main()
