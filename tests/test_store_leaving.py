"""A program that ends at once after its last word with the store ends well."""

import subprocess
import sys
from pathlib import Path

SLOW_TO_RETURN = """
import asyncio.selector_events as loops, sys, threading, time
sys.path.insert(0, sys.argv[2])
from groklab.store import Reader
from groklab.store.leaving import strangers
from stores import small_store

path = small_store(sys.argv[1])
wake = loops.BaseSelectorEventLoop._write_to_self

def woken(loop):
    wake(loop)
    for _ in range(500 * (threading.get_ident() in strangers())):
        time.sleep(0.001)

loops.BaseSelectorEventLoop._write_to_self = woken
print(Reader(path).saved("x").step)
"""


def test_threads_that_hand_over_a_result_return_before_the_interpreter_goes(tmp_path):
    """Each thread that hands over a result stays in Python a while after the result has arrived."""
    command = [sys.executable, "-c", SLOW_TO_RETURN, tmp_path / "out", Path(__file__).parent]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")
