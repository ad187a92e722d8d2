"""The pages on trainers, and other snippets for a framework: each is run by itself, as it stands there."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.frameworks import require, without_compiling
from fixtures.packed_documents import make_documents, make_loader
from fixtures.pages import blocks, name_of, pages_with_code

import pypack

SNIPPETS = [
    (block.comment.removeprefix("trainer: "), block.code, f"{name_of(page)}:{block.line}")
    for page in pages_with_code()
    for block in blocks(page)
    if block.comment.startswith("trainer: ")
]


def test_every_snippet_of_a_trainers_page_is_run():
    for page in pages_with_code():
        if page.parent.name == "trainers":
            for block in blocks(page):
                assert block.language != "python" or block.comment.startswith("trainer: "), name_of(page)
    assert len(SNIPPETS) >= 9


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but no accelerator is found")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*tensorboardX:UserWarning")
@pytest.mark.parametrize(("needs", "code", "where"), SNIPPETS, ids=[where for _, _, where in SNIPPETS])
def test_snippet(tmp_path, monkeypatch, needs, code, where):
    require(*needs.split())
    lengths = np.random.default_rng(0).integers(1, 33, 150).tolist()
    loader = make_loader(tmp_path / "corpus.store", make_documents(lengths), sequence_length=32)
    names = {
        "pypack": pypack,
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
            exec(compile(code, where, "exec"), names)
    else:
        exec(compile(code, where, "exec"), names)
    if "trainer" in names and "steps=30" in code:
        assert names["trainer"].state.global_step == 30
        names["trainer"].train(resume_from_checkpoint=True)
    if "copy" in names:
        assert [d.tolist() for d in names["copy"]] == [d.tolist() for d in names["store"]]
