"""Tables and plots of runs and sweeps: `python report.py outputs/sweeps/DIR`. Help: `python report.py --help`."""

from groundup.cli.door import door

main = door("report", __file__)

if __name__ == "__main__":
    main()
