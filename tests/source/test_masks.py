"""Masks: every form of `mask=` and `loss_mask=` means one thing, and what could be misread is refused."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import numpy as np
import orjson
import pyarrow as pa
import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_store
from hypothesis import given
from hypothesis import strategies as st
from reference import masks as reference

import pypack
from pypack import Loader, Ragged, Source, StoreWriter, TokenStore
from pypack.source import masks as masks_module
from pypack.source.mask_values import _spelled_lists
from pypack.source.masks import loss_masks, token_masks

LENGTHS = [4, 6, 1, 8, 2, 5]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("masks") / "a.store", LENGTHS)


def learned_by(store, masks):
    """Flags of each document, from offsets and ranges; checks that the ranges rise within the document."""
    offsets, ranges = masks
    assert (offsets.dtype, ranges.dtype) == (np.int64, np.int32)
    learned = []
    for document, length in enumerate(store.lengths.tolist()):
        flags, last = [True] * length, 0
        for start, stop in ranges[offsets[document] : offsets[document + 1]].tolist():
            assert last <= start < stop <= length
            flags[start:stop] = [False] * (stop - start)
            last = stop
        learned.append(flags)
    assert offsets[-1] == len(ranges)
    return learned


ranges = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 10)).map(lambda p: tuple(sorted(p))), max_size=4
)


@given(
    mask=st.one_of(
        st.lists(st.none() | st.integers(0, 9), min_size=6, max_size=6),
        st.lists(st.none() | st.booleans(), min_size=6, max_size=6),
        st.lists(st.none() | ranges, min_size=6, max_size=6),
    )
)
def test_mask_is_its_definition_in_every_form(store, mask):
    expected = reference.of_mask(LENGTHS, mask)
    assert learned_by(store, token_masks(store, mask)) == expected
    forms = [tuple(mask)]
    flat = [[n for pair in m for n in pair] if isinstance(m, list) else m for m in mask]
    if any(isinstance(m, list) for m in mask):
        pairs = pa.array(
            [None if m is None else list(map(list, m)) for m in mask], pa.list_(pa.list_(pa.int32()))
        )
        forms += [pairs, pa.chunked_array([pairs[:2], pairs[2:]])]
        forms += [[None if m is None else np.array(m, np.int64).reshape(-1, 2) for m in mask]]
        forms += [pa.array(map(json.dumps, mask))]
        if all(max(m or [2]) > 1 for m in flat):  # else some look like one value a token
            forms += [flat, pa.array(flat, pa.large_list(pa.int64()))]
    else:
        forms.append(pa.array(mask))
    for form in forms:
        assert learned_by(store, token_masks(store, form)) == expected


@given(data=st.data())
def test_loss_mask_is_its_definition_in_every_form(store, data):
    values = [data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)) for n in LENGTHS]
    missing = data.draw(st.sets(st.integers(0, 5)))
    some = [None if d in missing else v for d, v in enumerate(values)]
    flat = np.concatenate(values)
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    arrow = pa.array(some, pa.list_(pa.int8()))
    for form in (
        some,
        [None if v is None else np.array(v, bool) for v in some],
        [None if v is None else tuple(map(bool, v)) for v in some],
        [None if v is None else [float(x) for x in v] for v in some],
        [v if i % 2 or v is None else np.array(v, np.float32) for i, v in enumerate(some)],
        arrow,
        pa.chunked_array([arrow[:3], arrow[3:]]),
        arrow.cast(pa.large_list(pa.bool_())),
        pa.array([None if v is None else json.dumps(v) for v in some], pa.string()),
    ):
        assert learned_by(store, loss_masks(store, form)) == reference.of_loss_mask(LENGTHS, some)
    for form in (
        flat,
        flat.tolist(),
        flat.astype(np.float32),
        pa.array(flat == 1),
        Ragged(flat.astype(np.uint32), offsets),
        SimpleNamespace(values=flat, offsets=offsets),
    ):
        assert learned_by(store, loss_masks(store, form)) == reference.of_loss_mask(LENGTHS, values)


@pytest.mark.parametrize(
    "texts",
    [
        ["[0, 1,1]", "[true,false]", None, "[]", "[[0,3],[5,9]]", " [ 1 ] "],
        ["[300,-1]", "[0]"],
        ["[0, 1]", "[0.5]"],
        ["[0, 1]", "x"],
        ["[0, 1]", "[null]"],
        ["[0, 1]", "[[[1]]]"],
        ["[01]"],
        ["[1"],
        ["[1] 2"],
        ["[1,]"],
        ["[12345678901234567890]"],
    ],
)
def test_lists_that_texts_spell_are_read_without_python_lists(texts):
    """As orjson reads them; what the kernel does not know is left to it."""
    found = _spelled_lists(pa.array(texts, pa.string()))
    try:
        wanted = [None if text is None else orjson.loads(text) for text in texts]
    except orjson.JSONDecodeError:
        assert found is None
        return
    flat = [[y for x in value or [] for y in (x if isinstance(x, list) else [x])] for value in wanted]
    if not all(isinstance(x, int) and abs(x) < 10**18 for one in flat for x in one):
        assert found is None
        return
    assert found.given.tolist() == [text is not None for text in texts]
    assert found.counts.tolist() == list(map(len, flat))
    for start in range(len(texts)):
        assert found.flat(start, len(texts)).tolist() == [x for one in flat[start:] for x in one]


def test_frames_tensors_and_datasets_are_taken(tmp_path):
    store = make_store(tmp_path / "a.store", [3, 3])
    values = [[0, 1, 1], [1, 1, 0]]
    expected = [[False, True, True], [True, True, False]]
    pandas, torch, datasets = (require(name) for name in ("pandas", "torch", "datasets"))
    for form in (
        pandas.Series(values),
        torch.tensor(values),
        list(torch.tensor(values)),
        np.array(values),
        pa.array(values, pa.list_(pa.int64(), 3)),
        datasets.Dataset.from_dict({"mask": values})["mask"],
    ):
        assert learned_by(store, loss_masks(store, form)) == expected


def test_pieces_of_a_store_are_the_whole(store, monkeypatch):
    monkeypatch.setattr(masks_module, "_PIECE_TOKENS", 5)
    values = [[1, 0] * 4] * 6
    values = [v[:n] for v, n in zip(values, LENGTHS, strict=True)]
    for form in (values, pa.array(values), np.concatenate(values), [None, *values[1:]]):
        expected = values if form is not None and not (isinstance(form, list) and form[0] is None) else form
        assert learned_by(store, loss_masks(store, form)) == reference.of_loss_mask(LENGTHS, expected)


def test_kept_columns_are_masks(tmp_path):
    rows = [[5, 6, 7], [8, 9]]
    for number, column in enumerate(([[0, 1, 1], None], [json.dumps([0, 1, 1]), None])):
        with StoreWriter(tmp_path / f"{number}.store", vocab_size=10) as writer:
            writer.append(Ragged.from_rows(rows), pa.record_batch({"learned": pa.array(column)}))
        store = TokenStore.open(tmp_path / f"{number}.store")
        assert learned_by(store, loss_masks(store, "learned")) == [[False, True, True], [True, True]]


@pytest.mark.parametrize(
    "mask",
    [
        [[True, True, False, False], *([False] * n for n in LENGTHS[1:])],
        [[1] * n for n in LENGTHS],
        [[0, 0, 1, 1], *[None] * 5],
        [None, None, None, None, [True, False], None],
        [[0, 0, 1, 1, 1], *[None] * 5],  # one value too many
        pa.array([[0.0, 1.0, 1.0, 0.0], *[None] * 5]),
        np.zeros(sum(LENGTHS), np.int64),
        pa.array([[True], *[None] * 5]),
        [None, None, None, None, [0, 1], None],  # of a document of two tokens, and nothing else
    ],
)
def test_values_of_tokens_are_refused_as_mask(store, mask):
    with pytest.raises(ValueError, match="loss_mask="):
        token_masks(store, mask)


def test_ranges_of_few_tokens_are_ranges(store):
    mask = [[0, 1], None, None, [0, 1], [0, 1], []]
    assert learned_by(store, token_masks(store, mask)) == reference.of_mask(LENGTHS, mask)
    overlapping = [[5, 9, 0, 6, 2, 3], (), None, [(4, 10**12), (1, 2)], None, None]
    assert learned_by(store, token_masks(store, overlapping)) == reference.of_mask(LENGTHS, overlapping)


@pytest.mark.parametrize(
    ("function", "values", "error", "message"),
    [
        (token_masks, [[0, 2, 3], *[None] * 5], ValueError, r"mask\[0\] must be a list of start, stop"),
        (token_masks, [None, [7, 2], *[None] * 4], ValueError, r"mask\[1\] holds the range \[7, 2\]"),
        (token_masks, [[0, 2]], ValueError, "mask has 1 values, the store 6 documents"),
        (token_masks, [0.5] * 6, TypeError, "float64"),
        (token_masks, ["a"] * 6, TypeError, "needs bool or int"),
        (token_masks, [3, [0, 2], *[None] * 4], TypeError, r"mask\[0\] is 3, others are lists"),
        (token_masks, [[0, 2], 3, *[None] * 4], TypeError, r"mask\[1\] is 3, others are lists"),
        (token_masks, [None, -1, *[None] * 4], ValueError, r"mask\[1\] is negative"),
        (loss_masks, [[1] * 3, *[None] * 5], ValueError, r"loss_mask\[0\] has 3 values, document 0 has 4"),
        (loss_masks, [None] * 3 + [[1] * 7 + [2], None, None], ValueError, r"loss_mask\[3\] holds .*2"),
        (loss_masks, [None] * 3 + [[1] + [-100] * 7, None, None], ValueError, "labels != -100"),
        (loss_masks, [None, [0.5] * 6, *[None] * 4], ValueError, "0.5"),
        (loss_masks, [[1]] * 5, ValueError, "5 documents, the store has 6"),
        (loss_masks, [True] * 6, ValueError, "goes to mask="),
        (loss_masks, np.ones(7), ValueError, "each of the 26 tokens"),
    ],
)
def test_wrong_masks_name_the_document(store, function, values, error, message):
    with pytest.raises(error, match=message):
        function(store, values)


def test_a_forgotten_end_of_document_is_told(tmp_path):
    with StoreWriter(tmp_path / "s", vocab_size=10, append_id=9) as writer:
        writer.append(Ragged.from_rows([[1, 2]]))
    with pytest.raises(ValueError, match="ends every document with id 9, which needs a value too"):
        loss_masks(TokenStore.open(tmp_path / "s"), [[0, 1]])


def test_one_of_the_two(store):
    with pytest.raises(ValueError, match="not both"):
        Source(store, pypack.pack(store.lengths, 8), mask=[0] * 6, loss_mask=np.ones(26))


def test_a_million_documents_take_no_loop(tmp_path):
    lengths = np.full(1_000_000, 20)
    values = np.tile((np.arange(20) > 7).astype(np.int8), 1_000_000)
    store = make_store(tmp_path / "a.store", lengths, shard_tokens=2**28)
    offsets = np.arange(0, len(values) + 1, 20, np.int32)
    for form in (
        values,
        pa.ListArray.from_arrays(offsets, values),
        Ragged(values.astype(np.uint32), offsets.astype(np.int64)),
    ):
        start = time.process_time()
        found, ranges = loss_masks(store, form)
        seconds = time.process_time() - start
        assert (len(ranges), ranges.sum(), found[-1]) == (1_000_000, 8_000_000, 1_000_000)
        assert seconds < 5  # 0.5 s on an idle core
    start = time.process_time()
    token_masks(
        store, pa.ListArray.from_arrays(np.arange(0, 2_000_001, 2, np.int32), np.tile([0, 8], 1_000_000))
    )
    assert time.process_time() - start < 5


# The table of `pypack.source.masks`: each kind's values of one document, of which tokens 2 and 3 are learned.

TOKENS = [11, 12, 13, 14, 15]
LEARNED = [0, 0, 1, 1, 0]
MOVED = [0, 1, 1, 0, 0]  # beside labels that are shifted to the left
LABELS = [-100, -100, 13, 14, -100]
TABLE = {
    "`Source(mask=)`, which names what is not": [0, 2, 4, 5],
    "`Source(loss_mask=)`": LEARNED,
    "TRL `completion_mask`": LEARNED,
    "TRL, transformers `assistant_masks`": LEARNED,
    "Hugging Face `labels`": LABELS,
    "Megatron-Core `loss_mask`": MOVED,
    "NeMo `loss_mask` (packed fine-tuning)": MOVED,
    "`PackedBatch.loss_mask`": LEARNED,
    "`PackedBatch.labels`": LABELS,
    "`PackedBatch.shift_labels().labels`": [-100, 13, 14, -100, -100],
}


def table_rows():
    lines = [line for line in masks_module.__doc__.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def one_document(tmp_path_factory):
    with StoreWriter(tmp_path_factory.mktemp("table") / "s", vocab_size=90) as writer:
        writer.append(Ragged.from_rows([TOKENS]))
    return TokenStore.open(writer.path)


def loaded(store, **masks):
    source = Source(store, pypack.pack(store.lengths, 5), **masks)
    arrays = ("labels", "position_ids", "segment_ids", "loss_mask")
    return Loader(source, batch_sequences=1, arrays=arrays).batch_at(0)


def test_the_table_names_every_kind():
    assert [row[0] for row in table_rows()] == list(TABLE)
    places = {row[0]: row[2] for row in table_rows()}
    for name, values in TABLE.items():
        if "mask=)" not in name:
            moved = [v not in (0, -100) for v in values] == [bool(v) for v in MOVED]
            assert places[name] == ("token t + 1" if moved else "token t")


def test_arguments_of_the_table_mean_what_they_say(one_document):
    for name, _, _, argument in table_rows():
        if argument:
            values = np.array(TABLE[name])
            names = {"values": values, "labels": values}
            keyword, expression = argument.strip("`").split("=", 1)
            given = eval(expression, {}, names)
            batch = loaded(one_document, **{keyword: [np.asarray(given)]})
            assert batch.labels.tolist() == [LABELS], name
            assert batch.loss_mask.tolist() == [LEARNED], name


def test_batches_of_the_table(one_document):
    batch = loaded(one_document, loss_mask=[LEARNED])
    assert batch.labels.tolist() == [TABLE["`PackedBatch.labels`"]]
    assert batch.loss_mask.tolist() == [TABLE["`PackedBatch.loss_mask`"]]
    assert batch.shift_labels().labels.tolist() == [TABLE["`PackedBatch.shift_labels().labels`"]]


def test_nemo_and_megatron_of_the_table(one_document):
    from pypack.adapters import megatron, nemo

    require("torch")
    batch = loaded(one_document, loss_mask=[LEARNED])
    assert nemo.packed_sft(batch)["loss_mask"].tolist() == [TABLE["NeMo `loss_mask` (packed fine-tuning)"]]
    assert megatron.padded(batch)["loss_mask"].tolist() == [TABLE["Megatron-Core `loss_mask`"]]


def test_nemo_files_of_the_table(tmp_path):
    from pypack.formats import nemo

    box = np.empty(1, object)
    moved = TABLE["NeMo `loss_mask` (packed fine-tuning)"]
    box[0] = {"input_ids": TOKENS, "loss_mask": moved, "seq_start_id": [0]}
    np.save(tmp_path / "a.npy", box, allow_pickle=True)
    [(tokens, columns)] = nemo.read(tmp_path / "a.npy")
    with StoreWriter(tmp_path / "s", vocab_size=90) as writer:
        writer.append(tokens, columns)
    assert loaded(TokenStore.open(tmp_path / "s"), mask="mask").labels.tolist() == [LABELS]


@pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
@pytest.mark.parametrize("name", ["completion_mask", "assistant_masks"])
def test_trl_of_the_table(name, tmp_path):
    """TRL itself makes these labels of a data set with such a column."""
    trl, datasets, transformers = (require(module) for module in ("trl", "datasets", "transformers"))
    from fixtures.tiny_models import causal_model

    tokenizers = require("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"w0": 0, "w1": 1}, unk_token="w1"))
    trainer = trl.SFTTrainer(
        model=causal_model("llama").train(),
        args=trl.SFTConfig(
            output_dir=str(tmp_path), report_to="none", use_cpu=True, completion_only_loss=True
        ),
        train_dataset=datasets.Dataset.from_dict({"input_ids": [TOKENS], name: [LEARNED]}),
        processing_class=transformers.PreTrainedTokenizerFast(tokenizer_object=words, eos_token="w0"),
    )
    assert trainer.train_dataset[0]["labels"] == TABLE["Hugging Face `labels`"]
