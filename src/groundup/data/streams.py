"""What a data set draws random numbers for, from one seed: no two uses share theirs."""

SHUFFLE, AUGMENT, SPLIT, COINS, SETUP = range(5)
