"""What this machine has: the cores that this process may use, and the processor's name."""

import os
import platform
from pathlib import Path

_share: list[int] = []
"""The cores that this process was told to keep to, if it was."""


def cores() -> int:
    """The cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([allowed, *_share])


def keep_to(count: int) -> None:
    """Tells this process to use no more cores than that, where others are at work on the same machine."""
    _share[:] = [max(1, count)]


def processor() -> str:
    """The processor's model name, or what the platform calls it."""
    names = [line.partition(":")[2].strip() for line in cpuinfo() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cpuinfo() -> list[str]:
    """What Linux says of the processors, line by line; nothing elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
