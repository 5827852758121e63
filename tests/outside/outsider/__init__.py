"""A package of somebody else's, with a part of every kind; its configs are in `tests/outside/conf`."""
