"""What package settings and variables of the caller name is shown, and no more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_venv.launch.call import install_variant, variant_of
from sandbox_venv.plan import named
from sandbox_venv.plan.build import read_variant
from tests.unit.plan.test_compile import subject_in, world  # noqa: F401


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("/opt/wheels", "/opt/wheels"),
        ("/opt/x/../wheels/", "/opt/wheels"),
        ("file:///opt/my%20wheels", "/opt/my wheels"),
        ("file://localhost/opt", "/opt"),
        ("file://server/opt", ""),
        ("file:opt", ""),
        ("wheels", ""),
        ("https://pypi.org/simple", ""),
    ],
)
def test_local_path(word: str, path: str) -> None:
    assert named.local_path(word) == path


def test_settings_of_the_machine_are_read(tmp_path: Path) -> None:
    first, second = tmp_path / "pip.conf", tmp_path / "broken"
    first.write_text(
        "[global]\nfind-links =\n  /a\n  /b%20\ncert=/c\nno-index = 1\n[install]\nextra_index_url = file:///d\n"
    )
    second.write_text("find-links")
    found = [(key.split()[0], value) for key, value in named.read_pip_settings([str(first), str(second), "/none"])]
    assert found == [("find-links", "\n/a\n/b%20"), ("cert", "/c"), ("extra-index-url", "file:///d")]


def test_variables_that_name_local_files_make_a_variant() -> None:
    env = {
        b"PIP_FIND_LINKS": b"https://x /opt/wheels",
        b"PIP_INDEX_URL": b"https://x/simple",
        b"SSL_CERT_FILE": b"/a.pem",
    }
    variant = variant_of(env)
    assert read_variant(variant).files == ("SSL_CERT_FILE=/a.pem",)
    assert read_variant(install_variant(variant, env)).files == (
        "SSL_CERT_FILE=/a.pem",
        "PIP_FIND_LINKS=https://x /opt/wheels",
    )


def test_certificates_that_every_plan_shows_make_none() -> None:
    env = {b"SSL_CERT_FILE": b"/etc/ssl/certs/ca-certificates.crt", b"SSL_CERT_DIR": b"/etc/ssl/certs"}
    assert install_variant(variant_of(env), env) == b""


def test_home_project_and_state_are_never_shown_by_a_variable(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(named, "read_pip_settings", list)
    subject = subject_in(world, trusted=(str(world / "state"),))
    (world / "wheels").mkdir()
    (world / "link").symlink_to(world)
    words = [world, world / "home", world / "state", world / "link", "/", subject.project + "/w", world / "wheels"]
    files = [f"PIP_FIND_LINKS={' '.join(map(str, words))}", f"SSL_CERT_FILE={world}/ca.pem"]
    assert named.named_paths(subject, "install", files) == [
        (str(world / "wheels"), "named by PIP_FIND_LINKS"),
        (f"{world}/ca.pem", "named by SSL_CERT_FILE"),
    ]
    assert named.named_paths(subject, "run", files) == [(f"{world}/ca.pem", "named by SSL_CERT_FILE")]


def test_an_index_on_disk_is_shown_with_the_files_beside_it(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(named, "read_pip_settings", lambda: [("extra-index-url in /etc/pip.conf", "file:///o/simple")])
    assert named.named_paths(subject_in(world), "install", []) == [("/o", "named by extra-index-url in /etc/pip.conf")]
