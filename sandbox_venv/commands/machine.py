"""More rows of ``doctor``'s table: what no plan needs, but people ask for. Probed by doing, like the rest."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..namespaces import RUNTIME, check, find_obstacle, try_in_child
from ..plan.portal import find_proxy
from ..probe import ProbeResult, bwrap_version, probe
from ..venv.executable import EXECUTABLE, read_executable

CGROUPS = "/sys/fs/cgroup"


def seccomp_mode() -> int:
    """Return whether a filter is in force on this very process: 2, proc_pid_status(5)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.partition(":")[::2] for line in file.read().splitlines())
    return int(fields.get("Seccomp", "0"))


def _mount_overlay(libc: ctypes.CDLL) -> None:
    place = tempfile.gettempdir().encode()
    check(libc.mount(b"none", place, b"tmpfs", ctypes.c_ulong(0), None), "mount")
    for folder in (b"lower", b"upper", b"work", b"merged"):
        os.mkdir(place + b"/" + folder)
    options = b"userxattr,lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work" % (place, place, place)
    check(libc.mount(b"overlay", place + b"/merged", b"overlay", ctypes.c_ulong(0), options), "mount an overlay")


def try_overlay() -> str:
    """Return "" where overlayfs can be mounted in a user namespace, else why not; tried in a forked child."""
    obstacle = try_in_child(_mount_overlay, inside=0)
    return obstacle.answer() if obstacle else ""


def cgroup_obstacle() -> str:
    """Return "" where this process could make a cgroup below its own, else why not; cgroups(7), "delegation"."""
    if not os.path.exists(f"{CGROUPS}/cgroup.controllers"):
        return "cgroups of version 2 aren't mounted at /sys/fs/cgroup"
    own = Path("/proc/self/cgroup").read_text(encoding="ascii", errors="replace")
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), "/")
    folder = os.path.normpath(CGROUPS + path)
    if not os.access(folder, os.W_OK):
        return f"{folder} isn't yours to write"
    return "" if os.access(f"{folder}/cgroup.procs", os.W_OK) else f"{folder}/cgroup.procs isn't yours to write"


def find_host(release: str, files: Callable[[str], bool] = os.path.exists) -> str:
    """Return what kind of host this is where that explains something, else "".

    Args:
        release: uname(2)'s: WSL 1 has "Microsoft" in it, WSL 2 "microsoft" (the kernel that Microsoft builds).
        files: tells whether a file is there that a container runtime makes.
    """
    if "Microsoft" in release:
        return "WSL 1"
    kinds = {"/.dockerenv": "a Docker container", "/run/.containerenv": "a Podman container"}
    found = [kind for path, kind in kinds.items() if files(path)]
    return ", ".join(["WSL 2"] * ("microsoft" in release) + found)


def container_row(host: str, *, filtered: bool, works: bool) -> ProbeResult:
    """Return the row about where this runs, by `find_host`, and whether a seccomp filter is in force here."""
    said = "no seccomp filter is in force on this shell"
    if filtered:
        said = "a filter of a container is in force" + (", and lets namespaces be made" if works else "")
    if host == "WSL 1":
        return ProbeResult(
            works, "WSL 1 is no Linux: it has no namespaces", "no sandbox", "from Windows: wsl --set-version DISTRO 2"
        )
    detail = f"{host}: {said}" if host else said
    return ProbeResult(not filtered or works, detail, "namespaces can't be made", RUNTIME)


def more_rows() -> dict[str, ProbeResult]:
    """Return the further rows."""
    overlay, cgroup, proxy, mode = try_overlay(), cgroup_obstacle(), find_proxy(), seccomp_mode()
    works = not find_obstacle()
    launcher = read_executable(Path(__file__).resolve().parents[2])
    uv = shutil.which("uv")
    return {
        "container": container_row(find_host(os.uname().release), filtered=mode == 2, works=works),
        "overlay": ProbeResult(
            not overlay,
            overlay or "overlayfs in a user namespace",
            "--overlay, --tmp-overlay and --ro-overlay fail",
            "Linux 5.11, and a /tmp that isn't itself an overlay",
        ),
        "cgroup": ProbeResult(
            not cgroup,
            cgroup or "a cgroup below this shell's own can be made",
            "no limit on what all processes of a sandbox use together",
            (
                "a shell from: systemd-run --user --scope -p Delegate=yes $SHELL"
                if os.path.exists(f"{CGROUPS}/cgroup.controllers")
                else "a host that mounts them; in a container, its runtime's own limits (--memory, --pids-limit)"
            ),
        ),
        "dbus_proxy": ProbeResult(
            bool(proxy),
            proxy or "xdg-dbus-proxy isn't installed",
            "nothing that the defaults do; the desktop's portals can't be let in filtered",
            "apt install xdg-dbus-proxy",
        ),
        "uv": ProbeResult(
            not uv,
            f"{uv} builds sdists outside, where you start it" if uv else "no uv on PATH, which builds sdists outside",
            "what a source distribution does while it is built has your rights, as in every venv",
            "inside: sandbox-venv run -- uv ...; outside: uv pip install --only-binary :all: ...",
        ),
        "c_launcher": ProbeResult(
            launcher is not None,
            EXECUTABLE if launcher else "this copy of the tool was built without a C compiler",
            "the Python launcher starts programs: some 20 ms more each",
            "install the platform wheel, or build with gcc: apt install gcc libc6-dev, then pip install again",
        ),
    }


def rows() -> dict[str, ProbeResult]:
    """Return the whole table, by name."""
    table = probe()
    if (0,) < bwrap_version() < (0, 12):
        table["bwrap_links"] = ProbeResult(
            False,
            "before 0.12 it follows links in mount points (CVE-2026-87766)",
            "nothing by default: native is used. With --backend bwrap, pins and a check of each mount stand against it",
            "a bubblewrap of 0.12 or later, or stay with the native backend",
        )
    return {**table, **more_rows()}
