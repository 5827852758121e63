"""Tables and plots of runs and sweeps: `python report.py outputs/sweeps/DIR`. Help: `python report.py --help`."""

import sys
from pathlib import Path

from groundup.report.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent))
