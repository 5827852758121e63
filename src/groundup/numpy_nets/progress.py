"""A line on the terminal that says how far training is."""

from __future__ import annotations

import io
import sys
import time
from types import TracebackType

REFRESH = 0.1  # seconds between two drawings: more often costs more than a small network's step
WIDTH = 20


class Progress:
    """A bar with the time left while an epoch runs, and a line for each epoch done; on stderr.

    Where stderr is no terminal there is no bar.

    Args:
        epochs: how many there will be.
        samples: of one epoch.
        verbose: False writes nothing.
    """

    def __init__(self, epochs: int, samples: int, verbose: bool = True):
        self._epochs, self._samples = epochs, samples
        self._stream = (sys.stderr if verbose else None) or io.StringIO()
        self._draws = self._stream.isatty()
        self._start, self._drawn, self._width = time.monotonic(), 0.0, 0

    def update(self, epoch: int, samples: int, loss: float) -> None:
        """`samples` of this epoch are done (the first epoch is 1), with this mean loss."""
        if not self._draws or (now := time.monotonic()) < self._drawn + REFRESH:
            return
        self._drawn = now
        done = ((epoch - 1) * self._samples + samples) / (self._epochs * self._samples)
        left = (now - self._start) * (1 - done) / done
        bar = "#" * (WIDTH * samples // self._samples)
        self._replace(f"{self._epoch(epoch)} [{bar:.<{WIDTH}}] loss {loss:.4f}, {_clock(left)} left")

    def end_epoch(self, epoch: int, figures: dict[str, float]) -> None:
        """The line that stays."""
        shown = [f"{name} {value:.4f}" for name, value in figures.items() if name != "seconds"]
        self._replace(f"{self._epoch(epoch)}  {'  '.join(shown)}  {figures['seconds']:.2f} s")
        self._end_line()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._width:  # a bar half done: an error or Ctrl-C
            self._end_line()

    def _epoch(self, epoch: int) -> str:
        return f"epoch {epoch:>{len(str(self._epochs))}}/{self._epochs}"

    def _replace(self, text: str) -> None:
        """Draws over the line before."""
        self._stream.write(f"\r{text:<{self._width}}" if self._draws else text)
        self._stream.flush()
        self._width = len(text)

    def _end_line(self) -> None:
        self._stream.write("\n")
        self._stream.flush()
        self._width = 0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
