"""Find variables of the caller's session in the environment, also in those of all processes inside."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os

def attack():
    texts = [repr(dict(os.environ))]
    for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
        for name in ("environ", "cmdline"):
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as file:
                    texts.append(file.read().decode("latin-1"))
            except OSError:
                pass
    return texts

def twin():
    return [os.environ.get("GIVEN_PLAIN"), os.environ["HOME"] != "", "VIRTUAL_ENV" in os.environ]
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.ok, got.attack
    text = "".join(got.attack.value)
    assert not [secret for secret in lab.secrets if secret in text]
    assert "EXPORTED_PLAIN" not in text
    assert got.twin is not None and got.twin.value == ["given", True, True]
