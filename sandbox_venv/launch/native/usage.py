"""What --help and --version print."""

from __future__ import annotations

VERSION = b"bubblewrap 0.11.1\n"  # the release whose language this is; who asks compares version numbers

_OPTIONS = b"""
General
    --help                         Show this text
    --version                      Show the version of bubblewrap whose options these are
    --args FD                      Take options from FD, each ended by a NUL byte
    --argv0 VALUE                  Name that the command sees as its own
    --level-prefix                 Begin each message with its severity, as in <3>

Namespaces
    --unshare-all                  A new one of each kind; user and cgroup where they can be had
    --share-net                    But for the network, after --unshare-all
    --unshare-user                 User namespace (implied for an ordinary user)
    --unshare-user-try             The same, where it can be had
    --unshare-ipc                  IPC namespace
    --unshare-pid                  PID namespace
    --unshare-net                  Network namespace, with a loopback interface
    --unshare-uts                  UTS namespace
    --unshare-cgroup               Cgroup namespace
    --unshare-cgroup-try           The same, where it can be had
    --userns FD                    Enter this user namespace; excludes --unshare-user
    --userns2 FD                   Enter this one when all is set up; for use with --userns
    --disable-userns               No more user namespaces inside; needs --unshare-user
    --assert-userns-disabled       Fail where more user namespaces are possible inside
    --pidns FD                     Enter this PID namespace; --unshare-pid then makes one below it
    --uid UID                      User id inside; needs --unshare-user or --userns
    --gid GID                      Group id inside; likewise
    --hostname NAME                Host name inside; needs --unshare-uts

Process and environment
    --chdir DIR                    Working directory of the command
    --clearenv                     Start from an empty environment
    --setenv VAR VALUE             Set a variable
    --unsetenv VAR                 Remove a variable
    --new-session                  Leave the terminal's session
    --die-with-parent              Kill the sandbox when the caller dies
    --as-pid-1                     Run the command itself as PID 1, with no reaper above it

File system, in the order given
    --bind SRC DEST                Show SRC of the host at DEST
    --bind-try SRC DEST            The same; nothing happens where SRC is missing
    --dev-bind SRC DEST            The same as --bind, with devices that work
    --dev-bind-try SRC DEST        The same; nothing happens where SRC is missing
    --ro-bind SRC DEST             Show SRC read-only
    --ro-bind-try SRC DEST         The same; nothing happens where SRC is missing
    --bind-fd FD DEST              Show what FD is open on
    --ro-bind-fd FD DEST           The same, read-only
    --remount-ro DEST              Make the one mount at DEST read-only
    --overlay-src SRC              A lower layer for the overlay that follows
    --overlay RWSRC WORKDIR DEST   Overlay whose changes go to RWSRC; WORKDIR: empty, same file system
    --tmp-overlay DEST             Overlay whose changes are lost
    --ro-overlay DEST              Overlay that can't be changed; takes two layers or more
    --proc DEST                    procfs
    --dev DEST                     The usual devices
    --tmpfs DEST                   tmpfs
    --mqueue DEST                  mqueue
    --dir DEST                     Directory
    --file FD DEST                 File with what FD gives
    --bind-data FD DEST            The same, as a mount of its own
    --ro-bind-data FD DEST         The same, read-only
    --symlink TARGET DEST          Symbolic link
    --chmod OCTAL PATH             Change the mode of what is there
    --perms OCTAL                  Mode for the next --dir, --tmpfs, --file, --bind-data, --ro-bind-data
    --size BYTES                   Size of the next --tmpfs

Restrictions
    --seccomp FD                   Filter program for system calls; the last one counts
    --add-seccomp-fd FD            The same; all of them count
    --cap-add CAP                  Keep a capability, where the caller is root
    --cap-drop CAP                 Drop a capability; ALL is one too
    --exec-label LABEL             Refused: there is no SELinux support
    --file-label LABEL             Refused: there is no SELinux support

Watching from outside
    --lock-file DEST               Hold a lock on DEST while the sandbox runs
    --sync-fd FD                   Keep FD open while the sandbox runs
    --block-fd FD                  Start the command only when FD gives a byte
    --userns-block-fd FD           Leave the id maps to others; go on when FD gives a byte
    --info-fd FD                   Write the sandbox's pid and namespaces to FD
    --json-status-fd FD            The same and the exit code, as lines of JSON
"""


def usage(name: bytes) -> bytes:
    """Return the text of --help."""
    return b"usage: %s [OPTIONS...] [--] COMMAND [ARGS...]\n" % name + _OPTIONS
