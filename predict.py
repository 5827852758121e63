"""Classes of images, by a trained run: `python predict.py run=DIR images=PATH`. Help: `python predict.py --help`."""

from groundup.cli.door import door

main = door("predict", __file__)  # an @hydra.main: shell completion looks for this word

if __name__ == "__main__":
    main()
