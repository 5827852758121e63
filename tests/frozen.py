"""Importing this sets apart what the process has by now: its garbage collector does not look through it again.

A run collects its garbage at its end, and torch with Lightning is half a million objects to look through. Imported last
by a process of which commands are copies: looking through would also copy the pages they share.
"""

import atexit
import gc

gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)  # or triton, not taken apart at the end, says that it leaked
