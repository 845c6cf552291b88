"""Read or add keys: the caller's session, user and process keyrings."""

from tests.escape.kit import Got, Lab

ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
ADD_KEY, REQUEST_KEY, KEYCTL = {"x86_64": (248, 249, 250)}.get(os.uname().machine, (217, 218, 219))

def call(*arguments):
    result = libc.syscall(*[ctypes.c_long(item) if isinstance(item, int) else item for item in arguments])
    return result if result >= 0 else -ctypes.get_errno()

def attack():
    results = [call(KEYCTL, 0, ring, 0) for ring in (-1, -2, -3, -4, -5)]  # KEYCTL_GET_KEYRING_ID
    results.append(call(KEYCTL, 11, -3, 0, 0))  # KEYCTL_READ of the session keyring
    results.append(call(ADD_KEY, b"user", b"escape", b"x", 1, -4))
    results.append(call(REQUEST_KEY, b"user", b"escape", None, -4))
    if any(result >= 0 for result in results):
        return results
    with open("/proc/keys") as file:
        listed = file.read()
    raise AssertionError(listed)
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.kind == "error" and got.attack.errno is not None, got.attack
