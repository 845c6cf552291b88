"""Read files of the user's home, of root, of the machine, of other projects: by name, through links, as raw disks."""

from tests.escape.kit import Got, Lab

NAMES = (
    ".ssh/id_ed25519",
    ".bash_history",
    ".netrc",
    ".pypirc",
    ".aws/credentials",
    ".config/pip/pip.conf",
    ".config/gh/hosts.yml",
    ".gnupg/secring.gpg",
    ".pki/nssdb/key4.db",
    ".mozilla/firefox/p.default/key4.db",
    ".local/share/keyrings/login.keyring",
    ".docker/config.json",
    ".kube/config",
    ".cache/pip/http/x",
    "Documents/letter.txt",
    "other-project/src/main.py",
)


def setup(lab: Lab) -> list[str]:
    planted = [lab.write(lab.home / name, mode=0o600) for name in NAMES]
    link = lab.project / "link-to-secret"
    lab.shell(f"ln -s ../{NAMES[0]} link-to-secret; ln -s / root-link")
    return [
        *map(str, planted),
        str(link),
        f"{lab.project}/root-link{planted[0]}",
        f"/proc/1/root{planted[0]}",
        f"/proc/self/root{planted[0]}",
        f"/proc/1/cwd/../..{planted[0]}",
        f"/oldroot{planted[0]}",
        f"/newroot{planted[0]}",
        f"{lab.home}/.local/state/sandbox-venv",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/machine-id",
        "/etc/ssh",
        "/etc/ssl/private",
        "/root",
        "/run",
        "/boot",
        "/sys",
        "/var/log",
        "/var/lib",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/vda",
        "/dev/sda",
        "/dev/fuse",
        "/dev/kvm",
    ]


ATTACK = """
import os

def attack():
    found = []
    for path in GIVEN:
        try:
            if os.path.isdir(path):
                if os.path.islink(path) or os.listdir(path):
                    found.append(path)
            else:
                with open(path, "rb") as file:
                    found.append([path, file.read(200).decode("latin-1")])
        except OSError:
            pass
    home = os.environ["HOME"]
    for top, folders, files in os.walk(home):
        folders[:] = [name for name in folders if name not in (".venv", "batch", "root-link")]
        found += [os.path.join(top, name) for name in files if top == home]
    return found

def twin():
    path = os.path.join(os.environ["HOME"], ".cache", "mine")
    with open(path, "w") as file:
        file.write("x")
    with open(path) as file, open("/etc/hosts") as hosts:
        return file.read() + hosts.read()[:0]
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.ok, got.attack
    home = str(lab.home)
    found = [item for item in got.attack.value if not (item == "/root" and home.startswith("/root/"))]
    assert found == []
    assert got.twin is not None and got.twin.value == "x"
