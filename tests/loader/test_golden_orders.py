"""Orders that must never change by accident: a saved run would go on with other data.

To change an order on purpose, raise `pypack.loader.state.STATE_VERSION` (states of the old order are then
refused), and write the new files with `PYPACK_WRITE_GOLDEN=1 pytest tests/loader/test_golden_orders.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fixtures.golden_orders import orders
from fixtures.places import GOLDEN, TESTS

FILE = GOLDEN / "loader_orders.json"


def test_orders_are_the_golden_ones(tmp_path):
    found = orders(tmp_path)
    if os.environ.get("PYPACK_WRITE_GOLDEN"):
        FILE.parent.mkdir(exist_ok=True)
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(order)}" for name, order in found.items())
        FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    golden = json.loads(FILE.read_text(encoding="utf-8"))
    assert found.keys() == golden.keys()
    for name, order in golden.items():
        assert found[name] == order, name


@pytest.mark.parametrize("hash_seed", ["0", "1234"])
def test_orders_do_not_depend_on_the_hash_seed(tmp_path, hash_seed):
    code = (
        "import sys, json; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from fixtures.golden_orders import orders; print(json.dumps(orders(Path(sys.argv[2]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(TESTS), str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(done.stdout) == json.loads(FILE.read_text(encoding="utf-8"))
