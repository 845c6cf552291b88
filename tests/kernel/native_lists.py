"""Random option lists in bubblewrap's language, over the world of `native_world`: more that work than that don't."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from tests.kernel.native_world import Arguments, Parts

DESTS = "/t /t/a /t/a/b /t/f /d /d/e /x/y/z /tmp /t/../d /t//a/ t/rel /t/lnk /t/lnk/q /usr/local /usr/local/new /lib/q"
DESTS += " /t/g /m /n/o /n/p/q /run/r /tmp/s /t/u /d/v"  # more that work than that don't
DESTS += " /etc/hosts / /dev /t/proc {0}/share {0}/share/new {0}/share/out/x {0}/cwd"
SOURCES = "{0}/src {0}/file.txt {0}/share {0}/src/sub {0}/src/link {0}/lnk {0}/missing {0}/dangling"
SOURCES += " /dev/null /etc/passwd /etc ../src /proc/version /dev"
MODES = ["0700", "0755", "1777", "0640", "0", "0604", "0711", "07777", "+17", "8", "10000"]
TEXT_FDS = ["40", "41", "43", "40", "41", " 40", "99", "-1", "4x"]
WORDS = ["A", "HOME", "PATH", "", "a=b", "PWD", "LC_CTYPE"]
BINDS = ["--bind", "--ro-bind", "--dev-bind", "--bind-try", "--ro-bind-try", "--dev-bind-try"]
FILES = ["--file", "--bind-data", "--ro-bind-data"]
FLAGS = [
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup",
    "--unshare-all", "--share-net", "--unshare-user-try", "--unshare-cgroup-try", "--new-session", "--clearenv",
    *["--die-with-parent", "--level-prefix", "--unshare-pid", "--as-pid-1", "--unshare-user"] * 2,
    "--disable-userns", "--assert-userns-disabled",
]  # fmt: skip
USUAL = [
    [],
    ["--proc", "/proc"],
    ["--proc", "/proc", "--dev", "/dev"],
    ["--unshare-all", "--proc", "/proc"],
    ["--unshare-user", "--disable-userns", "--proc", "/proc"],
]


def row(*parts: Any) -> st.SearchStrategy[Parts]:
    """Return lists of these words; a list among them stands for one of its words."""
    made = [
        part
        if isinstance(part, st.SearchStrategy)
        else st.sampled_from(part)
        if isinstance(part, list)
        else st.just(part)
        for part in parts
    ]
    return st.tuples(*made).map(list)


def file_options(world: str) -> st.SearchStrategy[Parts]:
    """Return single options that change the file system."""
    dest, source = DESTS.format(world).split(), SOURCES.format(world).split()
    overlays = [["--overlay", f"{world}/upper", f"{world}/work"], ["--overlay", f"{world}/src", f"{world}/missing"]]
    overlay = st.one_of(
        row("--overlay-src", source, "--tmp-overlay", dest),
        row("--overlay-src", source, "--overlay-src", source, "--ro-overlay", dest),
        row("--overlay-src", source, "--ro-overlay", dest),
        st.tuples(row("--overlay-src", source), st.sampled_from(overlays), row(dest)).map(
            lambda found: [*found[0], *found[1], *found[2]]
        ),
    )
    return st.one_of(
        row(BINDS, source, dest),
        row(BINDS, source, dest),
        row(["--tmpfs", "--dir", "--remount-ro", "--mqueue"], dest),
        row(["--tmpfs", "--dir"], dest),
        row("--perms", MODES, ["--tmpfs", "--dir"], dest),
        row("--perms", MODES, FILES, TEXT_FDS, dest),
        row("--size", ["65536", "0x20000", "010000", "8192", "0", "-1"], "--tmpfs", dest),
        row(FILES, TEXT_FDS, dest),
        row(["--bind-fd", "--ro-bind-fd"], ["42", "44", "98"], dest),
        row("--symlink", ["a", "/t", "../d", f"{world}/src", "/etc/passwd"], dest),
        row("--chmod", MODES, dest),
        row("--proc", ["/proc", "/t/proc"]),
        row("--dev", ["/dev", "/t/dev"]),
        overlay,
        row("--chdir", dest),
    )


def process_options(world: str) -> st.SearchStrategy[Parts]:
    """Return single options, or those that go together, that change what a process is and may."""
    return st.one_of(
        row(FLAGS),
        row(FLAGS),
        row("--setenv", WORDS, WORDS),
        row("--unsetenv", WORDS),
        row("--hostname", ["box", ""]),
        row("--unshare-uts", "--hostname", "box"),
        row("--unshare-user", ["--uid", "--gid"], ["0", "1234", "65534"]),
        row(["--uid", "--gid"], ["0", "1234", "-1", "x", str(1 << 32)]),
        row(["--cap-add", "--cap-drop"], ["ALL", "cap_kill", "CAP_FOWNER", "nonsense"]),
        row(["--perms", "--size", "--bind", "--nonsense", "--overlay-src", "--uid"], "0700"),
        row(["--exec-label", "--file-label"], "label"),
        row("--argv0", ["other", ""]),
        row("--lock-file", ["/usr/bin/env", "/usr/bin/python3"]),  # one that fails races with the command
        row("--unshare-pid", "--as-pid-1"),
        row(["--help", "--version", "--"]),
    )


def descriptor_options() -> st.SearchStrategy[Parts]:
    """Return single options, or those that go together, whose values are descriptors for bwrap itself."""
    return st.one_of(
        row("--add-seccomp-fd", ["45", "46"]),
        row("--add-seccomp-fd", "45", "--add-seccomp-fd", "46"),
        row(["--seccomp", "--add-seccomp-fd"], ["45", "46", "47", "48", "43", "99"]),
        row("--sync-fd", ["54", "54", "99", "x"]),
        row("--block-fd", ["52", "52", "43", "99"]),
        row("--info-fd", ["50", "50", "40", "99"]),
        row("--json-status-fd", ["51", "51", "40", "99"]),
        row("--userns-block-fd", "53"),
        row("--unshare-user", "--info-fd", "50", "--userns-block-fd", ["53", "99"]),
        row("--userns", ["55", "55", "56", "99"]),
        row("--userns2", ["57", "55"]),
        row("--userns", "55", "--userns2", ["57", "56"]),
        row("--pidns", ["56", "55"]),
        row("--userns", "55", "--pidns", "56", "--unshare-pid", "--proc", "/proc"),
        row("--userns", "55", "--pidns", "56", "--proc", "/proc"),
    )


def options(world: str) -> st.SearchStrategy[Parts]:
    """Return option lists; one in a few has some of its options behind --args."""
    single = st.one_of(file_options(world), file_options(world), process_options(world), descriptor_options())

    def several(least: int, most: int) -> st.SearchStrategy[Parts]:
        return st.lists(single, min_size=least, max_size=most).map(lambda found: list(itertools.chain(*found)))

    inner = st.one_of(several(0, 4), several(0, 4), st.just(["--args", "49"]), st.just(["--dir", "/t/i", "--", "x"]))
    arguments = st.builds(Arguments, inner, st.booleans(), st.booleans()).map(lambda given: ["--args", given])
    behind: st.SearchStrategy[Parts] = st.one_of(st.just([]), st.just([]), arguments, row("--args", ["99", "x"]))
    return st.tuples(st.sampled_from(USUAL), several(0, 4), behind, several(0, 3)).map(
        lambda found: list(itertools.chain(*found))
    )
