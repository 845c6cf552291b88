"""The facts cache on a filesystem that really is full."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness import ROOT
from tests.support.programs import need

pytestmark = pytest.mark.kernel


def test_full_filesystem_is_survived():
    """On a real one: 64 KiB, mounted in a namespace of its own."""
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests.unit.elf.test_facts import FACTS, KEY\n"
        "from sandbox_venv.elf.facts import FactsCache\n"
        "with FactsCache(pathlib.Path('/mnt/cache')) as cache:\n"
        "    for number in range(3000): cache.put(KEY._replace(inode=number), FACTS)\n"
        "print(cache.problem)\n"
        "with FactsCache(pathlib.Path('/mnt/cache')) as cache: print(cache.get(KEY), cache.problem)\n"
    )
    command = [need("bwrap"), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--size", "65536"]
    command += ["--tmpfs", "/mnt", "--setenv", "HOME", "/mnt", sys.executable, "-c", script, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "full" in first
    assert second.startswith("None")
