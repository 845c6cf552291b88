"""The user's options: read as bwrap(1) has them, sorted, refused by name."""

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.plan.options import sort_options, split_words


def sorted_options(text, **kwargs):
    return sort_options(split_words(text), where="test", **kwargs)


def test_words_are_split_at_spaces_or_at_newlines_where_there_are_any():
    assert split_words("--bind /a  /b") == ["--bind", "/a", "/b"]
    assert split_words("--bind\n/a b\n/c d\n") == ["--bind", "/a b", "/c d"]
    assert split_words("") == []


def test_mounts_keep_their_order_and_prefixes():
    found = sorted_options("--size 4096 --perms 0700 --tmpfs /x --ro-bind /a /b/")
    assert [operation.words[0] for operation in found.operations] == ["--tmpfs", "--ro-bind"]
    assert found.operations[0].prefix == ("--size", "4096", "--perms", "0700")
    assert found.operations[1].target == "/b"


def test_the_environment_is_taken_out_of_the_command_line():
    found = sorted_options("--setenv A 1 --unsetenv B --clearenv")
    assert found.env == [("set", "A=1"), ("drop", "B"), ("drop", "*")]
    assert found.flags == []
    assert found.operations == []


def test_what_every_plan_has_is_not_repeated():
    assert sorted_options("--unshare-pid --die-with-parent --disable-userns").flags == []


def test_the_network_is_cut_off_and_shared_again():
    assert sorted_options("--unshare-all").flags == ["--unshare-net"]
    assert sorted_options("--unshare-all --share-net").flags == []


def test_a_filter_of_the_users_stacks_on_ours():
    assert sorted_options("--seccomp 9").flags == ["--add-seccomp-fd", "9"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("--bind-ro /a /b", "unknown option '--bind-ro'"),
        ("--bind /a", "takes 2 arguments"),
        ("--tmpfs", "takes 1 argument"),
        ("stray", "unknown option 'stray'"),
        ("--tmpfs relative", "must be an absolute path"),
        ("--perms 0700", "must come before"),
        ("--as-pid-1", "is not taken here"),
        ("--args 3", "is not taken here"),
        ("--exec-label x", "SELinux"),
        ("--keep-fd x", "--keep-fd: Invalid fd: x"),
        ("--file 9x /x", "--file: Invalid fd: 9x"),
        ("--uid me", "--uid: Invalid uid: me"),
        ("--gid -5", "--gid: Invalid gid: -5"),
        ("--cap-add cap_nosuch", "unknown cap: cap_nosuch"),
        ("--cap-drop nosuch", "unknown cap: nosuch"),
        ("--perms 99 --tmpfs /x", "--perms takes an octal argument"),
        ("--chmod 9z /x", "--chmod takes an octal argument"),
        ("--size 0 --tmpfs /x", "--size takes a non-zero number"),
        ("--size 1K --tmpfs /x", "--size takes a non-zero number"),
        (f"--hostname {'x' * 65}", "a host name has 1 to 64 bytes"),
        ("--setenv A=B x", "a variable's name"),
        ("--unsetenv A=B", "a variable's name"),
        ("--tmp-overlay /x", "needs a layer"),
    ],
)
def test_a_mistake_is_one_clear_line(text, match):
    with pytest.raises(SandboxError, match=match) as caught:
        sorted_options(text)
    assert caught.value.status == 125
    assert "\n" not in caught.value.message


def test_values_that_a_start_takes_are_taken():
    text = "--uid 0 --gid 0 --cap-add ALL --cap-drop CAP_KILL --hostname x --size 0x1000 --perms 1777 --tmpfs /x"
    assert sorted_options(f"{text} --overlay-src /a --tmp-overlay /b --setenv A b=c --keep-fd 9").keep_fds == [9]


def test_the_nearest_option_is_the_hint():
    with pytest.raises(SandboxError) as caught:
        sorted_options("--ro-bnd /a /b")
    assert "--ro-bind" in (caught.value.hint or "")


def test_an_option_that_names_a_descriptor_is_not_kept_with_a_venv():
    assert sorted_options("--file 9 /x").operations
    with pytest.raises(SandboxError, match="descriptor of one call"):
        sorted_options("--file 9 /x", stored=True)
