import subprocess
import sys

_AGED = """
import gc, weakref
from collections import deque
from bot import garbage

class Circle:
    def __init__(self):
        self.itself = self

garbage.settle()
live, most = 0, 0

def gone():
    global live
    live -= 1

calls = deque(maxlen=5000)  # each lives until it is no longer young
for _ in range(200_000):
    circle = Circle()
    weakref.finalize(circle, gone).atexit = False
    calls.append(circle)
    live += 1
    most = max(most, live)
print(gc.get_freeze_count(), most)
"""


def _settled(program: str) -> list[int]:
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return [int(number) for number in run.stdout.split()]


def test_what_was_loaded_is_not_looked_at_again_and_circles_do_not_pile_up() -> None:
    frozen, most = _settled(_AGED)
    assert frozen > 1000
    assert most < 40_000  # as Python comes: 61,000
