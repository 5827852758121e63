"""Classes are told by their names, never by their places. Imports the standard library alone."""

from __future__ import annotations

from collections.abc import Collection

from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import class_name

_SHOWN = 10


def refuse_unknown(now: Collection[str], trained: Collection[str], where: str) -> None:
    """Makes sure that a network was trained on all classes that it meets; some of its own may be absent.

    Args:
        now: names of the classes of some images.
        trained: of the network.
        where: the images are, to begin the message.

    Raises:
        UserError: it was not; the message says which are new and which missing.
    """
    if set(map(class_name, now)) - set(map(class_name, trained)):
        raise _other_classes(now, trained, where, f"accepted: {listed(trained)}")


def refuse_others(now: Collection[str], trained: Collection[str], where: str, advice: str) -> None:
    """Makes sure that a network meets the classes that it was trained on, each in its place.

    Raises:
        UserError: they are others, or in another order; the message says which, and ends with the advice.
    """
    if list(map(class_name, now)) != list(map(class_name, trained)):
        raise _other_classes(now, trained, where, advice)


def listed(names: Collection[str]) -> str:
    """Some names for a message: the first ones of many."""
    shown = ", ".join(printable(name) for name in list(names)[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _other_classes(now: Collection[str], trained: Collection[str], where: str, advice: str) -> UserError:
    here, there = ({class_name(name): None for name in names} for names in (now, trained))
    new, missing = ([name for name in one if name not in other] for one, other in ((here, there), (there, here)))
    said = [f"{what}: {listed(names)}" for what, names in (("new", new), ("missing", missing)) if names]
    difference = "; ".join(said) or f"the same in another order: {listed(here)}"
    return UserError(f"{where}: other classes than the network was trained on ({difference}); {advice}")
