"""What forbids user namespaces, told from the kernel's answer and its settings: those that this machine can't have."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from sandbox_venv import namespaces
from sandbox_venv.namespaces import Obstacle
from tests.support.programs import lack, need

CLONE = "/proc/sys/kernel/unprivileged_userns_clone"
APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
LIMIT = "/proc/sys/user/max_user_namespaces"
ALL_IDS = {"/proc/self/uid_map": "         0          0 4294967295"}


@pytest.mark.parametrize(
    ("obstacle", "files", "reason", "remedy"),
    [
        (Obstacle("unshare", errno.EPERM), {CLONE: "0"}, f"sysctl kernel.{CLONE[17:]} is 0", f"kernel.{CLONE[17:]}=1"),
        (Obstacle("unshare", errno.EPERM), {CLONE: "1"}, "the kernel or one of its", "the administrator"),
        (Obstacle("unshare", errno.EACCES), {APPARMOR: "1"}, "AppArmor restricts", "apparmor/sandbox-venv-bwrap"),
        (Obstacle("uid_map", errno.EACCES, label="unprivileged_userns"), {APPARMOR: "1"}, "AppArmor restricts", "apt"),
        (Obstacle("mount", errno.EACCES, label="docker-default"), {APPARMOR: "1"}, "profile 'docker-default'", "allow"),
        (Obstacle("mount", errno.EACCES, label="unconfined"), {APPARMOR: "0"}, "the kernel or one", "administrator"),
        (Obstacle("unshare", errno.EPERM, filtered=True), {CLONE: "0"}, "seccomp filter", "never --privileged"),
        (Obstacle("unshare", errno.ENOSPC), {LIMIT: "0", **ALL_IDS}, "user.max_user_namespaces is 0", "sysctl -w user.max_"),
        (Obstacle("unshare", errno.ENOSPC), {LIMIT: "0"}, "is 0 in the container or sandbox", "outside of that"),
        (Obstacle("unshare", errno.ENOSPC), {LIMIT: "7"}, "no more namespaces are allowed", "leave a sandbox"),
        (Obstacle("unshare", errno.EINVAL), {}, "this kernel has no user namespaces", "CONFIG_USER_NS"),
        (Obstacle("mount /proc", errno.EPERM), {}, "parts of /proc are covered", "unmask=/proc"),
        (Obstacle("fork", errno.EAGAIN), {}, "it failed", "doctor"),
    ],
)  # fmt: skip
def test_reason_and_remedy(
    monkeypatch: pytest.MonkeyPatch, obstacle: Obstacle, files: dict[str, str], reason: str, remedy: str
) -> None:
    monkeypatch.setattr(namespaces, "_read", lambda path: files.get(path, ""))
    assert reason in str(obstacle)
    assert str(obstacle).endswith(f"({obstacle.answer()})")
    assert remedy in obstacle.remedy


@pytest.mark.parametrize(
    ("name", "head", "taken"),
    [
        ("bwrap-userns-restrict", "abi <abi/4.0>,\nprofile bwrap /usr/bin/bwrap flags=(attach_disconnected) {", True),
        ("vendor", "/usr/bin/bwrap {", True),
        ("vendor", "profile x @{bin}/bwrap flags=(unconfined) {", True),
        ("sandbox-venv-bwrap", "profile sandbox-venv-bwrap /usr/bin/bwrap flags=(unconfined) {", False),
        ("vendor", "profile x /usr/bin/bwrapper {", False),
        ("vendor", "# profile x /usr/bin/bwrap {", False),
        ("vendor", "profile x /usr/bin/flatpak {\n  /usr/bin/bwrap Cx,\n}", False),
    ],
)
def test_a_profile_of_bwrap_that_is_there_gets_no_second_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, head: str, taken: bool
) -> None:
    (tmp_path / name).write_text(f"{head}\n}}\n")
    (tmp_path / "abi").mkdir()
    monkeypatch.setattr(namespaces, "LOADED_FROM", tmp_path)
    remedy = namespaces._profile()
    assert (f"apparmor_parser -r {tmp_path / name} (no second one" in remedy) is taken
    assert (str(namespaces.PROFILE) in remedy) is not taken
    assert "apt install bubblewrap" in remedy


@pytest.mark.full
def test_the_profile_is_one_to_apparmors_parser() -> None:
    """That of AppArmor 4, whose rules it is written in; nothing is loaded."""
    need("apparmor_parser")
    if not Path("/etc/apparmor.d/abi/4.0").exists():
        lack("no AppArmor 4, whose rules the profile is written in")
    words = ["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--names", str(namespaces.PROFILE)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "sandbox-venv-bwrap\n"
