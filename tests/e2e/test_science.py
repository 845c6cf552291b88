"""The scientific stack: import all, fit a model, write a picture; pytest with xdist and coverage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness import Venv

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.registry, pytest.mark.slow]

MODEL = """
import cryptography.fernet, lxml.etree, numpy, pandas, PIL.Image, psycopg, scipy.linalg, threadpoolctl
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
x, y = load_iris(return_X_y=True)
assert LogisticRegression(max_iter=500).fit(x, y).score(x, y) > 0.9
assert RandomForestClassifier(n_jobs=2, n_estimators=10).fit(x, y).score(x, y) > 0.9
a = numpy.random.rand(300, 300)
assert numpy.allclose(scipy.linalg.inv(a) @ a, numpy.eye(300))
plt.plot([1, 2])
plt.savefig("out.png")
assert PIL.Image.open("out.png").size == (640, 480)
assert lxml.etree.fromstring("<a/>").tag == "a"
assert cryptography.fernet.Fernet(cryptography.fernet.Fernet.generate_key()).encrypt(b"x")
try:
    psycopg.connect("host=127.0.0.1 port=1", connect_timeout=2)
except psycopg.OperationalError:
    print("done")
"""
TESTS = "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_it(n, tmp_path): (tmp_path / 'x').touch()\n"


@pytest.mark.parametrize("user", ["user"], indirect=True)
def test_a_model_is_fitted_and_a_picture_written(make_venv: Callable[..., Venv]) -> None:
    names = [
        "numpy",
        "scipy",
        "pandas",
        "scikit-learn",
        "matplotlib",
        "lxml",
        "cryptography",
        "pillow",
        "psycopg[binary]",
    ]
    venv = make_venv(packages=names)
    venv.user.write(venv.project / "model.py", MODEL)
    assert venv.run("python", "model.py", timeout=240).check().stdout == "done\n"
    assert (venv.project / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("user", ["user"], indirect=True)
def test_pytest_with_xdist_and_coverage(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv(packages=["pytest", "pytest-xdist", "coverage"])
    venv.user.write(venv.project / "tests" / "test_it.py", TESTS)
    assert "9 passed" in venv.run("pytest", "-n", "2", timeout=120).check().stdout
    assert "9 passed" in venv.run("coverage", "run", "-m", "pytest", timeout=120).check().stdout
    assert "TOTAL" in venv.run("coverage", "report").check().stdout
