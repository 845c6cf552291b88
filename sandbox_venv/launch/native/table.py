"""The option table: name -> (number of values, what they do to the Options)."""

from __future__ import annotations

import os

from .. import linux
from .contents import BindData, Dev, File, Overlay, Proc
from .failure import Usage
from .operations import Bind, Chmod, Directory, Hostname, Mqueue, RemountReadOnly, Symlink, Tmpfs
from .options import Options
from .privileges import ALL_CAPS, cap_bit
from .values import number, octal, read_all, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[..., object]


class Exit(Exception):
    """--help or --version: print and end, status 0."""


def _flag(*attributes: str) -> tuple[int, Handler]:
    def set_flags(options: Options) -> None:
        for attribute in attributes:
            setattr(options, attribute, True)

    return 0, set_flags


def _fd(attribute: str, name: bytes) -> tuple[int, Handler]:
    def set_fd(options: Options, text: bytes) -> None:
        if getattr(options, attribute) != -1:
            options.warn(b"Only the last %s option will take effect" % name)
        setattr(options, attribute, number(text))

    return 1, set_fd


def _bind(attributes: int, optional: bool = False) -> tuple[int, Handler]:
    def add(options: Options, source: bytes, dest: bytes) -> None:
        options.operations.append(Bind(source, dest, attributes, optional))

    return 2, add


CLOSED = 1 << 30
"""A descriptor that never is open."""


def _handed_over(text: bytes) -> int:
    """Return a descriptor's number; where none is open, one that never will be, unlike the number that was given."""
    fd = number(text)
    try:
        os.fstat(fd)
    except OSError:
        return CLOSED
    return fd


def _bind_fd(attributes: int) -> tuple[int, Handler]:
    def add(options: Options, text: bytes, dest: bytes) -> None:
        path = b"/proc/self/fd/%d" % number(text)
        options.operations.append(Bind(path, dest, attributes, fd=_handed_over(text)))

    return 2, add


def _bind_data(attributes: int) -> tuple[int, Handler]:
    def add(options: Options, text: bytes, dest: bytes) -> None:
        options.operations.append(BindData(_handed_over(text), dest, attributes, _perms(options, 0o600)))

    return 2, add


def _perms(options: Options, default: int) -> int:
    perms, options.perms = options.perms, None
    return default if perms is None else perms


def _add(operation: Handler) -> tuple[int, Handler]:
    return 1, lambda options, dest: options.operations.append(operation(dest))


def _dev(options: Options, dest: bytes) -> None:
    options.operations.append(Dev(dest))
    options.needs_devpts = True


def _tmpfs(options: Options, dest: bytes) -> None:
    limit, options.size = options.size, 0
    options.operations.append(Tmpfs(dest, _perms(options, 0o755), limit))


def _file(options: Options, text: bytes, dest: bytes) -> None:
    options.operations.append(File(_handed_over(text), dest, _perms(options, 0o666)))


def _set_perms(options: Options, text: bytes) -> None:
    if options.perms is not None:
        raise Usage(b"--perms given twice for the same action")
    options.perms = octal(b"--perms", text)


def _set_size(options: Options, text: bytes) -> None:
    if options.size:
        raise Usage(b"--size given twice for the same action")
    options.size = size(text)


def _chmod(options: Options, mode: bytes, dest: bytes) -> None:
    options.operations.append(Chmod(dest, octal(b"--chmod", mode)))


def _symlink(options: Options, target: bytes, dest: bytes) -> None:
    options.operations.append(Symlink(target, dest))


def _hostname(options: Options, name: bytes) -> None:
    if options.hostname is not None:
        options.warn(b"Only the last --hostname option will take effect")
    options.hostname = name
    options.operations.append(Hostname(name))


def _chdir(options: Options, path: bytes) -> None:
    if options.chdir is not None:
        options.warn(b"Only the last --chdir option will take effect")
    options.chdir = path


def _argv0(options: Options, name: bytes) -> None:
    if options.argv0 is not None:
        raise Usage(b"--argv0 used multiple times")
    options.argv0 = name


def _share_net(options: Options) -> None:
    options.unshare_net = False


def _overlay_src(options: Options, path: bytes) -> None:
    options.overlay_sources.append(path)


def _overlay(kind: bytes, least: int, words: bytes) -> tuple[int, Handler]:
    def add(options: Options, *paths: bytes) -> None:
        layers, options.overlay_sources = options.overlay_sources, []
        if len(layers) < least:
            raise Usage(b"%s requires at least %s --overlay-src" % (kind, words))
        options.operations.append(Overlay(paths[-1], layers, paths[:-1], kind == b"--tmp-overlay"))

    return 3 if kind == b"--overlay" else 1, add


def _setenv(options: Options, name: bytes, value: bytes) -> None:
    if not name or b"=" in name:
        raise Usage(b"setenv failed")
    options.env_ops.append((b"set", name, value))


def _unsetenv(options: Options, name: bytes) -> None:
    if not name or b"=" in name:
        raise Usage(b"unsetenv failed")
    options.env_ops.append((b"unset", name))


def _clearenv(options: Options) -> None:
    options.env_ops.append((b"clear",))


def _id(attribute: str) -> tuple[int, Handler]:
    name = attribute.encode()

    def set_id(options: Options, text: bytes) -> None:
        if getattr(options, attribute) != -1:
            options.warn(b"Only the last --%s option will take effect" % name)
        setattr(options, attribute, number(text, name))

    return 1, set_id


def _cap_add(options: Options, name: bytes) -> None:
    options.caps_given = True
    options.caps = ALL_CAPS if name.upper() == b"ALL" else options.caps | cap_bit(name)


def _cap_drop(options: Options, name: bytes) -> None:
    options.caps_given = True
    options.caps = 0 if name.upper() == b"ALL" else options.caps & ~cap_bit(name)


def _label(_options: Options, _label: bytes) -> None:
    raise Usage(b"labeling not supported on this system")


def _seccomp(options: Options, text: bytes) -> None:
    if options.seccomp:
        raise Usage(b"--seccomp cannot be combined with --add-seccomp-fd")
    if options.seccomp_fd != -1:
        options.warn(b"Only the last --seccomp option will take effect")
    options.seccomp_fd = number(text)


def _add_seccomp(options: Options, text: bytes) -> None:
    if options.seccomp_fd != -1:
        raise Usage(b"--add-seccomp-fd cannot be combined with --seccomp")
    options.seccomp.append(seccomp_program(number(text)))


def seccomp_program(fd: int) -> bytes:
    """Read a filter program: whole ``struct sock_filter``s, of 8 bytes each."""
    program = read_all(fd, b"Can't read seccomp data")
    if len(program) % 8:
        raise Usage(b"Invalid seccomp data, must be multiple of 8")
    return program


def _exit(what: str) -> tuple[int, Handler]:
    def leave(_options: Options) -> None:
        raise Exit(what)

    return 0, leave


_ALL = ("unshare_user_try", "unshare_ipc", "unshare_pid", "unshare_net", "unshare_uts", "unshare_cgroup_try")
TABLE: dict[bytes, tuple[int, Handler]] = {
    b"--help": _exit("help"),
    b"--version": _exit("version"),
    b"--argv0": (1, _argv0),
    b"--level-prefix": _flag("level_prefix"),
    b"--unshare-all": _flag(*_ALL),
    b"--unshare-user": _flag("unshare_user"),
    b"--unshare-user-try": _flag("unshare_user_try"),
    b"--unshare-ipc": _flag("unshare_ipc"),
    b"--unshare-pid": _flag("unshare_pid"),
    b"--unshare-net": _flag("unshare_net"),
    b"--unshare-uts": _flag("unshare_uts"),
    b"--unshare-cgroup": _flag("unshare_cgroup"),
    b"--unshare-cgroup-try": _flag("unshare_cgroup_try"),
    b"--share-net": (0, _share_net),
    b"--userns": _fd("userns_fd", b"--userns"),
    b"--userns2": _fd("userns2_fd", b"--userns2"),
    b"--disable-userns": _flag("disable_userns"),
    b"--assert-userns-disabled": _flag("assert_userns_disabled"),
    b"--pidns": _fd("pidns_fd", b"--pidns"),
    b"--uid": _id("uid"),
    b"--gid": _id("gid"),
    b"--hostname": (1, _hostname),
    b"--chdir": (1, _chdir),
    b"--setenv": (2, _setenv),
    b"--unsetenv": (1, _unsetenv),
    b"--clearenv": (0, _clearenv),
    b"--lock-file": (1, lambda options, path: options.lock_files.append(path)),
    b"--sync-fd": _fd("sync_fd", b"--sync-fd"),
    b"--bind": _bind(linux.READ_WRITE),
    b"--bind-try": _bind(linux.READ_WRITE, optional=True),
    b"--dev-bind": _bind(linux.WITH_DEVICES),
    b"--dev-bind-try": _bind(linux.WITH_DEVICES, optional=True),
    b"--ro-bind": _bind(linux.READ_ONLY),
    b"--ro-bind-try": _bind(linux.READ_ONLY, optional=True),
    b"--bind-fd": _bind_fd(linux.READ_WRITE),
    b"--ro-bind-fd": _bind_fd(linux.READ_ONLY),
    b"--remount-ro": _add(RemountReadOnly),
    b"--overlay-src": (1, _overlay_src),
    b"--overlay": _overlay(b"--overlay", 1, b"one"),
    b"--tmp-overlay": _overlay(b"--tmp-overlay", 1, b"one"),
    b"--ro-overlay": _overlay(b"--ro-overlay", 2, b"two"),
    b"--exec-label": (1, _label),
    b"--file-label": (1, _label),
    b"--proc": _add(Proc),
    b"--dev": (1, _dev),
    b"--tmpfs": (1, _tmpfs),
    b"--mqueue": _add(Mqueue),
    b"--dir": (1, lambda options, dest: options.operations.append(Directory(dest, _perms(options, 0o755)))),
    b"--file": (2, _file),
    b"--bind-data": _bind_data(linux.READ_WRITE),
    b"--ro-bind-data": _bind_data(linux.READ_ONLY),
    b"--symlink": (2, _symlink),
    b"--chmod": (2, _chmod),
    b"--seccomp": (1, _seccomp),
    b"--add-seccomp-fd": (1, _add_seccomp),
    b"--block-fd": _fd("block_fd", b"--block-fd"),
    b"--userns-block-fd": _fd("userns_block_fd", b"--userns-block-fd"),
    b"--info-fd": _fd("info_fd", b"--info-fd"),
    b"--json-status-fd": _fd("json_status_fd", b"--json-status-fd"),
    b"--new-session": _flag("new_session"),
    b"--die-with-parent": _flag("die_with_parent"),
    b"--as-pid-1": _flag("as_pid_1"),
    b"--cap-add": (1, _cap_add),
    b"--cap-drop": (1, _cap_drop),
    b"--perms": (1, _set_perms),
    b"--size": (1, _set_size),
}
