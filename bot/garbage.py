"""The garbage collector, set for a process that holds calls: it stops them all while it looks, so it looks at little.

Nearly all memory goes without it. What does not is a hundred or so small objects of each session, which aiohttp and
the SDK tie into circles. The collector as it comes leaves them for some five hundred calls, and then looks through
every module there is: a pause of a tenth of a second in every call.
"""

from __future__ import annotations

import gc

# New objects before a first look; first looks before a second; second looks before a look at everything, which comes
# about every hundred short calls. Measured by `benchmarks/memory.py`.
_LOOKS = (2000, 5, 2)


def settle() -> None:
    """Count what is there as staying for good, and look at the rest more often. For once everything is loaded."""
    gc.collect()
    gc.freeze()
    gc.collect()  # it puts off a look at everything until a quarter is new: of what is not frozen, from here on
    gc.set_threshold(*_LOOKS)
