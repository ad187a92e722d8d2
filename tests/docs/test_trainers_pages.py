"""The README's section on trainers: every snippet is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fixtures.frameworks import require, without_compiling
from fixtures.packed_documents import make_documents, make_loader
from fixtures.places import ROOT

import pypack

_README = ROOT / "README.md"
_SECTION = _README.read_text(encoding="utf-8").split("\n## Trainers\n")[1].split("\n## ")[0]
SNIPPETS = re.findall(r"<!-- trainer: (.+?) -->\n```python\n(.*?)```", _SECTION, re.DOTALL)


def test_every_snippet_is_run():
    assert len(SNIPPETS) == _SECTION.count("```python") >= 9


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but no accelerator is found")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*tensorboardX:UserWarning")
@pytest.mark.parametrize(("needs", "code"), SNIPPETS, ids=[needs for needs, _code in SNIPPETS])
def test_snippet(tmp_path, monkeypatch, needs, code):
    require(*needs.split())
    lengths = np.random.default_rng(0).integers(1, 33, 150).tolist()
    loader = make_loader(tmp_path / "corpus.store", make_documents(lengths), sequence_length=32)
    names = {
        "pypack": pypack,
        "Path": Path,
        "store": pypack.TokenStore.open(tmp_path / "corpus.store"),
        "plan": loader.plan,
    }
    if "model" in code:
        from fixtures.tiny_models import causal_model

        names["model"] = causal_model("llama")
    if "lightning_module" in code:
        from fixtures.lightning_model import Model

        names["lightning_module"] = Model()
    monkeypatch.chdir(tmp_path)
    if "block_mask" in code:
        with without_compiling():
            exec(compile(code, str(_README), "exec"), names)
    else:
        exec(compile(code, str(_README), "exec"), names)
    if "trainer" in names and "steps=30" in code:
        assert names["trainer"].state.global_step == 30
        names["trainer"].train(resume_from_checkpoint=True)
    if "copy" in names:
        assert [d.tolist() for d in names["copy"]] == [d.tolist() for d in names["store"]]
