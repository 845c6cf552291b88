"""The pages in docs/: links lead somewhere, settings in them are taken, commands in them exist."""

import re
import tomllib

import pytest

from sandbox_venv.plan.settings import items_of
from sandbox_venv.policy.schema import check, config_schema
from sandbox_venv.usage import BY_NAME
from tests.harness import ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page):
    for line in re.findall(r"^\$ sandbox-venv (\S+)|`sandbox-venv ([a-z]+)", page.read_text(), re.M):
        (word,) = [item for item in line if item]
        assert word in BY_NAME or word.startswith(("-", "[", ".")), word


def test_examples_of_settings_are_taken():
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), re.S)
    assert len(blocks) == 3
    for text in blocks:
        data = tomllib.loads(text)
        data = data.get("tool", {}).get("sandbox-venv", data)
        check(data, config_schema(), config_schema())
        assert items_of(data)
