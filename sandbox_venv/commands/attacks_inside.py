"""Attacks that ``doctor --attack`` tries from inside a sandbox. Runs there, alone, on the venv's interpreter (3.8+).

Each function does what an attacker would, up to the point of harm: files are opened for writing and not written, calls
are made with arguments that do nothing. It returns (and says what it got) where it came through; an OSError is a
sandbox at work. ``sys.argv[1]`` is what the host prepared, as JSON.
"""

import ctypes
import fcntl
import json
import os
import socket
import stat
import sys
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

GIVEN = json.loads(sys.argv[1]) if sys.argv[1:2] and sys.argv[1][:1] == "{" else {}
LIBC = ctypes.CDLL(None, use_errno=True)
CALLS = {"x86_64": {"keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323}}
CALLS["aarch64"] = {"keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282}


def check(result: int) -> None:
    """Raise what a failed call of the C library says."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def refuse(held: bool, text: str = "refused") -> None:
    """Raise where the protection held."""
    if held:
        raise PermissionError(1, text)


def call(name: str) -> None:
    """Make a system call with zeros."""
    check(LIBC.syscall(CALLS[os.uname().machine][name], -4, 0, 0, 0, 0))


def status_field(name: str) -> str:
    """Return a field of proc_pid_status(5)."""
    with open("/proc/self/status") as file:
        return dict(line.split(":", 1) for line in file)[name].strip()


def writable(path: str) -> None:
    """Raise unless ``path`` may be written."""
    refuse(not os.access(path, os.W_OK))


def connect(address: str) -> None:
    """Connect to a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)


def read_a_secret_file() -> None:
    """Read a file in your home."""
    with open(GIVEN["secret_file"]) as file:
        file.read()


def list_your_home() -> None:
    """See what there is in your home."""
    refuse(os.path.basename(os.path.dirname(GIVEN["secret_file"])) not in os.listdir(GIVEN["home"]))


def write_beside_it() -> None:
    """Write into your home."""
    writable(os.path.dirname(GIVEN["secret_file"]))


def read_a_secret_variable() -> None:
    """Read a token from the environment."""
    refuse(GIVEN["secret"] not in os.environ.values())


def read_it_from_pid_1() -> None:
    """Read it from the environment of the sandbox's first process."""
    with open("/proc/1/environ") as file:
        refuse(GIVEN["secret"] not in file.read())


def see_your_processes() -> None:
    """See a process outside."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline") as file:
                    text = file.read()
            except OSError:
                continue
            if GIVEN["marker"] in text and "attacks_inside" not in text:
                return
    refuse(True)


def leave_by_proc() -> None:
    """Go to the host's root by way of the first process."""
    os.listdir("/proc/1/root/root")


def connect_to_an_abstract_socket() -> None:
    """Talk to a server of yours on an abstract socket."""
    connect("\0" + GIVEN["abstract"])


def connect_to_a_socket_file() -> None:
    """Talk to a server of yours on a socket file."""
    connect(GIVEN["socket"])


def talk_to_the_desktop() -> None:
    """Talk to the session bus."""
    connect(f"/run/user/{os.getuid()}/bus")


def talk_to_docker() -> None:
    """Talk to the container daemon."""
    connect("/run/docker.sock")


def change_the_interpreter() -> None:
    """Change what bin/python starts."""
    writable(GIVEN["python"])


def change_packages() -> None:
    """Change an installed package."""
    writable(GIVEN["site"])


def change_git_hooks() -> None:
    """Have git run something outside."""
    writable(GIVEN["git"])


def see_the_state() -> None:
    """See what sandbox-venv trusts."""
    os.listdir(GIVEN["state"])


def make_a_user_namespace() -> None:
    """Get all capabilities in a namespace."""
    check(LIBC.unshare(0x10000000))


def mount_something() -> None:
    """Mount a file system."""
    failed = LIBC.mount(b"none", b"/", b"sandbox-venv-none", ctypes.c_ulong(0), None)  # no such type, so no harm done
    refuse(failed < 0 and ctypes.get_errno() in (1, 38))


def trace_a_process() -> None:
    """Trace a process."""
    check(LIBC.ptrace(0, 0, None, None))


def change_core_pattern() -> None:
    """Have the kernel run something on a crash."""
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


def trigger_sysrq() -> None:
    """Give the kernel orders."""
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))


def have_capabilities() -> None:
    """Use a capability."""
    refuse(int(status_field("CapEff"), 16) == 0)


def gain_privileges() -> None:
    """Gain privileges by a set-user-ID program."""
    refuse(status_field("NoNewPrivs") == "1")


def make_a_set_uid_file() -> None:
    """Leave a set-user-ID file."""
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0o4700)
        refuse(not os.stat(file.name).st_mode & stat.S_ISUID)


def be_without_a_filter() -> None:
    """Make system calls that nobody filters."""
    refuse(status_field("Seccomp") == "2")


def use_keyrings() -> None:
    """Use the kernel's keyrings."""
    call("keyctl")


def load_bpf() -> None:
    """Load a BPF program."""
    call("bpf")


def watch_performance() -> None:
    """Use performance events."""
    call("perf_event_open")


def handle_page_faults() -> None:
    """Use userfaultfd."""
    call("userfaultfd")


def make_an_io_uring() -> None:
    """Make system calls past the filter."""
    refuse(LIBC.syscall(425, 0, None) < 0 and ctypes.get_errno() in (1, 38))


def type_into_your_terminal() -> None:
    """Type into your terminal (TIOCSTI)."""
    try:
        fcntl.ioctl(1023, 0x5412, b"")
    except OSError as error:
        refuse(error.errno == 1)  # EBADF would mean that the filter let it through


def read_kernel_memory() -> None:
    """Read memory of the kernel."""
    with open("/proc/kcore", "rb") as file:
        refuse(not file.read(4))


def read_a_disk() -> None:
    """Find a disk."""
    refuse(not any(stat.S_ISBLK(os.lstat("/dev/" + name).st_mode) for name in os.listdir("/dev")))


def dump_core() -> None:
    """Leave a core dump."""
    import resource

    refuse(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0)


ATTACKS: "list[Callable[[], None]]" = [
    item for item in list(globals().values())
    if callable(item) and getattr(item, "__module__", "") == __name__ and getattr(item, "__code__", None)
    and item.__code__.co_argcount == 0 and not item.__name__.startswith("_") and item.__name__ != "main"
]  # fmt: skip


def attempt(function: "Callable[[], None]") -> "list[str]":
    """Try one in a process of its own; return "stopped" or "came through", and what is to be said."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        answer = "stopped\0"
        try:
            function()
            answer = "came through\0"
        except OSError as error:
            answer = f"stopped\0{error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - then it couldn't even be tried
            answer = f"stopped\0{error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return (answer or "stopped\0it was killed").split("\0", 1)


def main() -> None:
    """Try all; print the outcomes as JSON."""
    outcomes = [[item.__name__, (item.__doc__ or "").rstrip("."), *attempt(item)] for item in ATTACKS]
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main()
