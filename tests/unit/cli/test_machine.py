"""What ``doctor`` says of the kind of host that this is."""

from __future__ import annotations

import pytest

from sandbox_venv.commands.machine import container_row, find_host


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
