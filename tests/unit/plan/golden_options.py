"""The user's options behind each golden plan: name, session kind, options. ``{T}/home`` is the user's home."""

GOLDEN_OPTIONS = [
    ("run", "run", ""),
    ("install", "install", ""),
    ("user-binds", "run", "--ro-bind /etc/hosts /data/hosts --tmpfs {T}/home/code/proj/scratch --unshare-net"),
    ("user-root", "run", "--ro-bind / /"),
    ("user-home", "run", "--ro-bind {T}/home {T}/home"),
    ("user-in-home", "run", "--bind-try /srv {T}/home/deep/er/srv --ro-bind /etc/hosts {T}/home/hosts"),
]
