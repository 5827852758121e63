"""What predictions of trained runs cost on this CPU: `python measure.py outputs/sweeps/DIR`. Help: `--help`."""

from groundup.cli.door import door

main = door("measure", __file__)

if __name__ == "__main__":
    main()
