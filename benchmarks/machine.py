"""On what the figures were taken."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version

#: Whose versions are told.
PACKAGES = ("txdicom", "Twisted", "pydicom", "pynetdicom")


def processor(cpuinfo: str) -> str:
    """The model of the CPU, from the text of /proc/cpuinfo."""
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return " ".join(model[1].split()) if model else platform.machine()


def busy(stat: str) -> float:
    """CPU seconds that were used since the system started, from the text of /proc/stat."""
    _, *ticks = stat.splitlines()[0].split()
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first two already.
    used = [int(number) for at, number in enumerate(ticks[:8]) if at not in (3, 4)]
    return sum(used) / os.sysconf("SC_CLK_TCK")


class Others:
    """How much of the CPUs other processes use from now on than this one and its children."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._used = self._by_others()

    def _by_others(self) -> float:
        ours = os.times()
        with open("/proc/stat") as file:
            return busy(file.read()) - sum(ours[:4])

    def __str__(self) -> str:
        possible = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return f"{max(0.0, (self._by_others() - self._used) / possible):.0%} of the CPUs"


def dcmtk(said: str) -> str:
    """DCMTK's version, from what its programs say of themselves."""
    found = re.search(r" v(\d+(?:\.\d+)+)", said)
    return found[1] if found else "not installed"


def _dcmtk_says() -> str:
    if shutil.which("echoscu") is None:
        return ""
    ended = subprocess.run(["echoscu", "--version"], capture_output=True, text=True, timeout=10)
    return ended.stdout


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def described() -> dict[str, str]:
    """The machine and the versions, each with its name."""
    with open("/proc/cpuinfo") as file:
        cpu = processor(file.read())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "CPU": f"{cpu}, {len(os.sched_getaffinity(0))} CPUs",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: _version(package) for package in PACKAGES},
        "DCMTK": dcmtk(_dcmtk_says()),
    }
