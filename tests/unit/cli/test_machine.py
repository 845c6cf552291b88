"""What ``doctor`` says of the kind of host that this is."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from sandbox_venv import probe
from sandbox_venv.commands import doctor, machine
from sandbox_venv.commands.machine import container_row, find_host
from sandbox_venv.namespaces import Obstacle


@pytest.mark.parametrize(
    ("release", "files", "expected"),
    [
        ("6.8.0-48-generic", (), ""),
        ("5.15.167.4-microsoft-standard-WSL2", (), "WSL 2"),
        ("5.15.167.4-microsoft-standard-WSL2", ("/.dockerenv",), "WSL 2, a Docker container"),
        ("4.4.0-19041-Microsoft", (), "WSL 1"),
        ("6.8.0", ("/run/.containerenv",), "a Podman container"),
    ],
)
def test_a_host_is_known_by_its_kernel_and_what_runtimes_leave(
    release: str, files: tuple[str, ...], expected: str
) -> None:
    assert find_host(release, files.__contains__) == expected


def test_the_row_says_where_this_runs_and_what_a_filter_lets_through() -> None:
    assert container_row("", filtered=False, works=True).ok
    row = container_row("a Docker container", filtered=True, works=False)
    assert not row.ok
    assert row.detail == "a Docker container: a filter of a container is in force"
    assert "seccomp profile" in row.remedy
    assert container_row("WSL 2", filtered=False, works=True).detail.startswith("WSL 2: no seccomp filter")
    assert "--set-version" in container_row("WSL 1", filtered=False, works=False).remedy


LACKS: dict[str, dict[str, object]] = {
    "an AppArmor restriction": {"find_obstacle": Obstacle("unshare", errno.EACCES)},
    "a limit": {"find_obstacle": Obstacle("unshare", errno.ENOSPC)},
    "a filter": {"find_obstacle": Obstacle("unshare", errno.EPERM, filtered=True), "seccomp_mode": 2},
    "no bwrap": {"find_bwrap": None, "bwrap_version": (), "try_bwrap": "it is not installed"},
    "a bwrap that is too old": {"bwrap_version": (0, 4, 0), "try_bwrap": "bwrap: Unknown option --ro-bind-fd"},
    "a bwrap that follows links": {"bwrap_version": (0, 8, 0)},
    "an old kernel": {"landlock_abi": 0, "mount_api": False, "_read": ""},
    "a kernel before 6.12": {"landlock_abi": 5, "_read": "1"},
    "no library": {"libseccomp": ""},
    "nothing beside": {
        "try_overlay": "mount an overlay: Invalid argument", "cgroup_obstacle": "x isn't yours to write",
        "find_proxy": "", "read_executable": None,
    },
}  # fmt: skip
"""What a machine may lack, and what the probes would then find."""
ROWS = {
    "an AppArmor restriction": {"userns", "native"},
    "a limit": {"userns", "native"},
    "a filter": {"userns", "native", "container"},
    "no bwrap": {"bwrap"},
    "a bwrap that is too old": {"bwrap", "bwrap_links"},
    "a bwrap that follows links": {"bwrap_links"},
    "an old kernel": {"landlock", "landlock_scope", "mount_api", "tiocsti"},
    "a kernel before 6.12": {"landlock_scope", "tiocsti"},
    "no library": {"seccomp"},
    "nothing beside": {"overlay", "cgroup", "dbus_proxy", "c_launcher"},
}
WHOLE: dict[str, object] = {
    "find_obstacle": None, "find_bwrap": "/usr/bin/env", "bwrap_version": (0, 12, 0), "try_bwrap": "", "landlock_abi": 7,
    "mount_api": True, "libseccomp": "libseccomp.so.2", "_read": "0", "try_overlay": "", "cgroup_obstacle": "",
    "find_proxy": "/usr/bin/xdg-dbus-proxy", "seccomp_mode": 0, "read_executable": b"\x7fELF",
}  # fmt: skip
"""What they find where nothing is lacking."""


@pytest.mark.parametrize("lack", LACKS)
def test_what_a_machine_lacks_is_a_row_with_what_is_lost_and_a_remedy_that_weakens_nothing(
    monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    for name, found in {**WHOLE, **LACKS[lack]}.items():
        for module in (probe, machine):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *_, found=found: found)
    table = machine.rows()
    missing = {name: row for name, row in table.items() if not row.ok}
    assert set(missing) == ROWS[lack]
    for row in missing.values():
        assert row.detail
        assert row.loss
        assert row.remedy
        for word in ("restrict_unprivileged_userns=0", "unconfined", "u+s", "--privileged ", "SYS_ADMIN", "disable"):
            assert word not in row.remedy.replace("flags=(unconfined)", "")
    assert doctor.can_sandbox(table) is (lack != "no library")


def test_a_set_uid_bwrap_is_made_an_ordinary_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "bwrap"
    path.touch()
    path.chmod(0o4755)
    monkeypatch.setattr(probe, "find_bwrap", lambda: str(path))
    assert f"chmod u-s {path}" in probe.bwrap_remedy()
