"""The loop over an option list."""

from __future__ import annotations

from .failure import Usage
from .options import MAX_ARGUMENTS, Options
from .table import TABLE
from .values import number, read_all

_OVERLAY_SRC_ALONE = (
    b"--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or --ro-overlay"
)
_ONE = (b"--argv0", b"--chdir", b"--remount-ro")  # those whose complaint says "one argument"


def parse(argv: list[bytes], options: Options | None = None) -> Options:
    """Parse an option list, as bwrap does: options, then ``--`` or the first word that is none, then the command.

    Args:
        argv: without the program's name.
        options: to fill in; by default a plan's, without a command.

    Raises:
        Usage: as bwrap words it.
        Exit: --help or --version.
    """
    options = options or Options()
    options.command = Parser(options, len(argv)).parse(argv)
    if options.overlay_sources:
        raise Usage(_OVERLAY_SRC_ALONE)
    options.settle()
    return options


class Parser:
    """Goes through an option list, and through those that --args brings."""

    def __init__(self, options: Options, total: int) -> None:
        self.options = options
        self.total = total

    def parse(self, argv: list[bytes], in_file: bool = False) -> list[bytes]:
        """Parse options, return what follows them."""
        if self.total > MAX_ARGUMENTS:
            raise Usage(b"Exceeded maximum number of arguments %d" % MAX_ARGUMENTS)
        options = self.options
        at, end = 0, len(argv)
        while at < end:
            name = argv[at]
            at += 1
            row = TABLE.get(name)
            if row is None:
                if name == b"--args":
                    self._arguments(argv[at : at + 1], in_file)
                    at += 1
                elif name == b"--":
                    return argv[at:]
                elif name.startswith(b"-"):
                    raise Usage(b"Unknown option " + name)
                else:
                    return argv[at - 1 :]
            else:
                count, handler = row
                values = argv[at : at + count]
                if len(values) < count:
                    raise Usage(_too_few(name, count))
                handler(options, *values)
                at += count
            if options.perms is not None or options.size or options.overlay_sources:
                self._check_modifiers(name)
        return []

    def _arguments(self, values: list[bytes], in_file: bool) -> None:
        if in_file:
            raise Usage(b"--args not supported in arguments file")
        if not values:
            raise Usage(b"--args takes an argument")
        data = read_all(number(values[0]), b"Can't read --args data")
        arguments = data.split(b"\0")
        if not arguments[-1]:
            arguments.pop()
        self.total += len(arguments)
        self.parse(arguments, in_file=True)

    def _check_modifiers(self, name: bytes) -> None:
        """Refuse --perms, --size and --overlay-src before an option that doesn't take them."""
        if name not in (b"--perms", b"--size"):
            if self.options.perms is not None:
                raise Usage(b"--perms must be followed by an option that creates a file")
            if self.options.size:
                raise Usage(b"--size must be followed by --tmpfs")
        if name != b"--overlay-src" and self.options.overlay_sources:
            raise Usage(_OVERLAY_SRC_ALONE)


def _too_few(name: bytes, count: int) -> bytes:
    if name == b"--overlay-src":
        return _OVERLAY_SRC_ALONE
    if count == 1:
        return name + (b" takes one argument" if name in _ONE else b" takes an argument")
    name = b"--bind-fd" if name == b"--ro-bind-fd" else name
    return name + (b" takes two arguments" if count == 2 else b" takes three arguments")
