"""Texts of RPATH, the work that they may ask for."""

from __future__ import annotations

import pytest

from sandbox_venv.elf.files import Files
from sandbox_venv.elf.ldcache import LoaderCache
from sandbox_venv.elf.paths import PathWalker
from sandbox_venv.elf.search import MAX_DIRECTORIES, Budget, BudgetError, Request, Searcher
from sandbox_venv.elf.system import LoaderWorld

ABI = (64, True, "EM_X86_64")


def searcher(*, musl: bool = False, steps: int = 10_000, seconds: float = 60) -> Searcher:
    world = LoaderWorld(musl, ("/lib",), LoaderCache({}), "lib64", "x86_64", ())
    return Searcher(world, PathWalker((), ()), Files(None), Budget(steps, seconds))


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("/a:/b/:/c//", ["/a", "/b", "/c"]),
        ("$ORIGIN:${ORIGIN}/x", ["/o", "/o/x"]),
        ("/r/$LIB:/r/${PLATFORM}", ["/r/lib64", "/r/x86_64"]),
        ("$ORIGINAL:relative::.:$LIB", []),
        ("/", ["/"]),
        ("/a:/a", ["/a"]),
        ("", []),
        ("/$ORIGIN/x", ["//o/x"]),
    ],
)
def test_directories_of_a_text(text: str, wanted: list[str]):
    assert [directory.path for directory in searcher().expand(text, "/o", free=False)] == wanted


@pytest.mark.parametrize(
    "text, wanted",
    [("/a\n/b:/c", ["/a", "/b", "/c"]), ("$ORIGIN/x:$LIB", []), ("${ORIGIN}:$ORIGINAL", ["/o", "/oAL"])],
)
def test_musl_knows_origin_only_and_newlines_and_drops_a_text_with_more(text: str, wanted: list[str]):
    assert [directory.path for directory in searcher(musl=True).expand(text, "/o", free=False)] == wanted


def test_number_and_length_of_directories_are_bounded():
    text = ":".join(f"/{number}" for number in range(5000))
    assert len(searcher().expand(text, "/o", free=False)) == MAX_DIRECTORIES
    assert searcher().expand("/" + "x" * 5000, "/o", free=False) == ()


def test_work_is_bounded():
    hungry = searcher(steps=100)
    request = Request((), nodeflib=False, free=False, abi=ABI)
    with pytest.raises(BudgetError):
        all(hungry.find(f"libsv{number}.so", request) for number in range(1000))
    with pytest.raises(BudgetError):
        searcher(steps=100).expand(":".join(f"/{number}" for number in range(500)), "/o", free=False)


def test_time_is_bounded():
    late = searcher(seconds=-1)
    request = Request((), nodeflib=False, free=False, abi=ABI)
    with pytest.raises(BudgetError):
        all(late.find(f"libsv{number}.so", request) for number in range(100))


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b"])
def test_impossible_names_are_refused_without_a_look(name: str):
    outcome = searcher().find(name, Request((), nodeflib=False, free=False, abi=ABI))
    assert outcome.found is None
    assert outcome.refused[0][1] == "impossible name"
