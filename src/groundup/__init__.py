"""Image classifiers from the ground up. Importing this package imports no torch.

`__all__` is public: the commands as functions, and their errors. A name is imported at its first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundup.cli.door import door
    from groundup.cli.library import compose, evaluate, predict, train
    from groundup.errors import RunFailed, UserError

__version__ = "0.1.0"
__all__ = ["RunFailed", "UserError", "compose", "door", "evaluate", "predict", "train"]

_MODULES = {name: "groundup.cli.library" for name in ("compose", "evaluate", "predict", "train")}
_MODULES |= {"door": "groundup.cli.door", "RunFailed": "groundup.errors", "UserError": "groundup.errors"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'groundup' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
