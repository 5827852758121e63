"""The arrays of a whole network by their names."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets.layer import Array, InputError


class Arrays(dict[str, Array]):
    """The arrays of all layers, collected anew at each look. What is put in is written into the layer's own array.

    `net.params["0.weight"] = w` sets the weight that the layer computes with; so does `update`. Copies of it are plain
    dicts.

    Raises:
        InputError: on assigning to a name that there is not, another shape, or what the array's type cannot hold;
            `array[...] = values` stays for what NumPy can make fit.
        TypeError: on what would add or remove an array.
    """

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        if name not in self:
            raise InputError(f"expected the name of an array, one of {', '.join(self) or 'none'}, given {name!r}")
        array, new = self[name], np.asanyarray(values)
        masked = isinstance(new, np.ma.MaskedArray)
        if new.shape != array.shape or not np.can_cast(new.dtype, array.dtype, "same_kind") or masked:
            given = f"{'masked ' if masked else ''}{new.dtype} of shape {new.shape}"
            raise InputError(f"'{name}': expected {array.dtype} of shape {array.shape}, given {given}")
        array[...] = new

    def update(self, *arrays: Any, **named: ArrayLike) -> None:
        for name, values in dict(*arrays, **named).items():
            self[name] = values

    def __ior__(self, arrays: Any) -> Arrays:  # type: ignore[override, misc]
        self.update(arrays)
        return self

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the layers decide which arrays a network has; none can be added or removed")

    __delitem__ = clear = pop = popitem = setdefault = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
