"""``python -m sandbox_venv``: ``run`` goes straight to the launcher, everything else to the command line."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` puts the current directory first, and a session may have written modules there. What the
    # interpreter imported before this line can't be helped from here: `python -P -m` or `sandbox-venv` do.
    del sys.path[0]


def main() -> None:
    """Start the command that the arguments name."""
    if sys.argv[1:2] == ["run"]:
        from .launch.failure import guarded
        from .run import run_command

        guarded(run_command, sys.argv[2:])
    from .cli import main as cli_main

    sys.exit(cli_main(sys.argv[1:]))


if __name__ == "__main__":
    main()
