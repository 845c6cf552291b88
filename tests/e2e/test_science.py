"""The scientific stack: import all, fit a model, write a picture; torch where its CPU build is at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Venv

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.registry, pytest.mark.slow]

WHEELS = [
    path for place in os.environ.get("PIP_FIND_LINKS", "").split() for path in Path(place).glob("torch-*+cpu*.whl")
]
"""The registry's own wheel of torch comes with CUDA, of gigabytes"""

MODEL = """
import os
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
threads = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
assert threads == {len(os.sched_getaffinity(0))}, threads
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


@pytest.mark.parametrize("who", ["user"])
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


TORCH = """
import multiprocessing, os, torch
from torch.utils.data import DataLoader, TensorDataset
assert torch.get_num_threads() == len(os.sched_getaffinity(0))
x = torch.randn(256, 8)
y = x.sum(1, keepdim=True)
model = torch.nn.Linear(8, 1)
step = torch.optim.SGD(model.parameters(), 0.1)
if __name__ == "__main__":
    for _ in range(100):
        for one, other in DataLoader(TensorDataset(x, y), 64, num_workers=2) if _ == 0 else [(x, y)]:
            step.zero_grad()
            loss = (model(one) - other).pow(2).mean()
            loss.backward()
            step.step()
    torch.save(model.state_dict(), "model.pt")
    shared = torch.zeros(3).share_memory_()
    child = multiprocessing.Process(target=shared.fill_, args=(7,))
    child.start()
    child.join()
    print(loss.item() < 1e-3, shared.tolist())
"""


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda path: path.name)
@pytest.mark.parametrize("who", ["user"])
def test_torch_trains_with_workers_that_share_memory(make_venv: Callable[..., Venv], wheel: Path) -> None:
    venv = make_venv(packages=[str(wheel), "numpy"])
    venv.user.write(venv.project / "train.py", TORCH)
    assert venv.run("python", "train.py", timeout=240).check().stdout == "True [7.0, 7.0, 7.0]\n"
    assert (venv.project / "model.pt").stat().st_size > 500
