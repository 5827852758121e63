"""Trains a model on a data set: `python train.py model=cnn data=cifar10`. Help: `python train.py --help`."""

from groundup.cli.door import door

main = door("train", __file__)  # an @hydra.main: shell completion looks for this word

if __name__ == "__main__":
    main()
