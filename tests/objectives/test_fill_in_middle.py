"""Fill in the middle in a loader: against its definition and Megatron's data set, and what is refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import make_store
from fixtures.trained_byte_level import gpt2
from fixtures.training_texts import training_texts
from reference import infilling as reference
from reference import objective as keys

import pypack
from pypack import Loader, Ragged, Source, StoreWriter, Tokenizer, TokenStore
from pypack._common.fingerprint import text_key
from pypack.objectives import FillInMiddle, ReplacedTokens

UNIT = 2**32
EOD = 0
CONTROLS = {"prefix_id": 1, "suffix_id": 2, "middle_id": 3}
PLAIN = {**CONTROLS, "special_ids": [EOD]}
ARRAYS = ["labels", "position_ids", "segment_ids", "loss_mask"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 90, 200)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = rng.integers(10, 900, int(offsets[-1]), dtype=np.uint32)
    ids[offsets[1:] - 1] = EOD
    path = tmp_path_factory.mktemp("fim") / "a.store"
    with StoreWriter(path, vocab_size=900) as writer:
        writer.append(Ragged(ids, offsets))
    return TokenStore.open(path)


@pytest.fixture(scope="module")
def plan(store):
    return pypack.pack(store.lengths, 64, room=3)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A store of real text with its tokenizer, which has control tokens; and the library's own."""
    tokenizer = gpt2()
    tokenizer.add_special_tokens(["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<eod>"])
    ours = Tokenizer.from_huggingface(tokenizer)
    path = tmp_path_factory.mktemp("fim") / "texts.store"
    eod = tokenizer.token_to_id("<eod>")
    with StoreWriter(path, vocab_size=ours.vocab_size, append_id=eod, tokenizer=ours) as writer:
        writer.append(ours.encode_batch([text for text in training_texts() if text.strip()][:60]))
    return TokenStore.open(path), tokenizer


def key_of(loader, epoch, sequence, number):
    seed_key = keys.source_key(loader.seed, text_key("objective\0\x000"))
    return keys.span_key(seed_key, epoch, sequence, number)


def spans_of(loader, batch):
    """Of every span of a padded batch: row, number in it, first item, length, key."""
    for row, sequence in enumerate(loader.sequences_at(batch.step).tolist()):
        end = 0
        first, last = batch.row_spans[row : row + 2].tolist()
        for number, length in enumerate(batch.span_lengths[first:last].tolist()):
            yield row, end, length, key_of(loader, batch.epoch, sequence, number)
            end += int(loader.plan.rooms_of(np.array([length]))[0])


@pytest.mark.parametrize("masked", [False, True])
def test_a_batch_is_what_the_definition_says(store, plan, masked):
    how = reference.Infilling(round(0.7 * UNIT), UNIT // 2, 1, 2, 3, {EOD})
    source = Source(store, plan, mask=np.minimum(store.lengths, 2)) if masked else Source(store, plan)
    objective = FillInMiddle(0.7, **PLAIN)
    loader = Loader(source, batch_sequences=8, seed=5, objective=objective, arrays=ARRAYS)
    plain = Loader(source, batch_sequences=8, seed=5, arrays=ARRAYS)
    counts = dict.fromkeys(FillInMiddle.counts, 0)
    for step in (0, loader.steps_per_epoch + 1):
        batch, before = loader.batch_at(step), plain.batch_at(step)
        ids, labels = (
            np.full_like(before.input_ids, loader._options.pad_id),
            np.full_like(before.labels, -100),
        )
        positions, segments = np.zeros_like(ids), np.zeros_like(ids)
        lengths = []
        for row, begin, length, key in spans_of(plain, before):
            span = slice(begin, begin + length)
            new, learned, counted = reference.infilled_tokens(
                how, before.input_ids[row, span].tolist(), before.labels[row, span].tolist(), key, length + 3,
                labels_tell=masked,
            )  # fmt: skip
            place = slice(begin, begin + len(new))
            ids[row, place], labels[row, place] = new, learned
            positions[row, place] = np.arange(len(new))
            segments[row, place] = before.segment_ids[row, begin]
            lengths.append(len(new))
            for name in counted:
                counts[name] += 1
        np.testing.assert_array_equal(batch.input_ids, ids)
        np.testing.assert_array_equal(batch.labels, labels)
        np.testing.assert_array_equal(batch.position_ids, positions)
        np.testing.assert_array_equal(batch.segment_ids, segments)
        np.testing.assert_array_equal(batch.loss_mask, labels != -100)
        assert batch.span_lengths.tolist() == lengths
        assert batch.tokens == sum(lengths)
        for name, number in batch.objective_counts.items():
            counts[name] -= number
    assert set(counts.values()) == {0}


@pytest.mark.parametrize("level", ["token", "character"])
def test_it_is_the_same_however_it_is_read(texts, level):
    store, _ = texts
    plan = pypack.pack(store.lengths, 128, room=6)
    options = {"batch_sequences": 4, "objective": FillInMiddle(0.8, level=level)}
    one = Loader(store, plan, **options)
    in_a_pass = list(one)
    for batch in Loader(store, plan, prefetch=0, num_threads=3, **options):
        assert batch == in_a_pass[batch.step] == one.batch_at(batch.step)
    halves = [Loader(store, plan, rank=r, world_size=2, **options).batch_at(1) for r in range(2)]
    for rank, half in enumerate(halves):
        np.testing.assert_array_equal(half.input_ids, in_a_pass[1].input_ids[rank::2])
        np.testing.assert_array_equal(half.labels, in_a_pass[1].labels[rank::2])
    flat = Loader(store, plan, layout="varlen", dtype="int32", **options).batch_at(1)
    filled, has_token = in_a_pass[1].segment_ids > 0, flat.segment_ids > 0
    for name in ("input_ids", "labels", "position_ids"):
        np.testing.assert_array_equal(getattr(flat, name)[has_token], getattr(in_a_pass[1], name)[filled])
    again = Loader(store, plan, **options)
    again.load_state_dict(json.loads(json.dumps(one.state_dict(step=2))))
    assert next(iter(again)) == in_a_pass[2]
    assert pickle.loads(pickle.dumps(one)).batch_at(3) == in_a_pass[3]
    assert one.batch_at(len(in_a_pass) + 1) != in_a_pass[1]
    assert one.stats()["objective"]["infilled"] > 20
    assert one.stats.objective == {
        name: sum(batch.objective_counts[name] for batch in in_a_pass) for name in FillInMiddle.counts
    }


def test_megatrons_data_set_makes_the_same_of_the_same_draws(texts):
    """Row by row, before the data set cuts a sample to its length. At the character level, as it works."""
    store, tokenizer = texts
    eod = tokenizer.token_to_id("<eod>")
    marks = tuple(tokenizer.token_to_id(f"<fim_{name}>") for name in ("prefix", "suffix", "middle"))
    plan = pypack.pack(store.lengths, 512, "next_fit", room=40, overflow="drop")
    loader = Loader(store, plan, batch_sequences=4, objective=FillInMiddle(0.7, 0.4, level="character"))
    plain = Loader(store, plan, batch_sequences=4)
    how = reference.Infilling(round(0.7 * UNIT), round(0.4 * UNIT), *marks, {eod})
    compared = 0
    for step in range(loader.steps_per_epoch):
        batch, before = loader.batch_at(step), plain.batch_at(step)
        for row, sequence in enumerate(loader.sequences_at(step).tolist()):
            if sequence < 0:
                continue
            keys_of_spans = iter(range(10**6))
            asked: list[int] = []  # the span whose draws are asked for

            def binomial(rate, sequence=sequence, spans=keys_of_spans, asked=asked):
                if rate == 0.4:
                    return how.suffix_first(asked[-1])
                asked.append(key_of(loader, 0, sequence, next(spans)))
                return how.is_chosen(asked[-1])

            theirs = reference.MegatronFim(
                0.7, 0.4, eod, marks,
                decode=lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
                encode=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
                binomial=binomial, boundaries=lambda size, asked=asked: how.cuts(asked[-1], size),
            )  # fmt: skip
            sample = before.input_ids[row][before.segment_ids[row] > 0].tolist()
            made = batch.input_ids[row][batch.segment_ids[row] > 0].tolist()
            assert theirs.sample(sample, 0, cut=False) == made
            compared += 1
        assert batch.objective_counts["without_room"] == 0
    assert compared == plan.num_sequences > 5


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """Documents of one to five files with a token between them; some files begin with #no."""
    tokenizer = gpt2()
    tokenizer.add_special_tokens(["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<eod>", "<file_sep>"])
    ours = Tokenizer.from_huggingface(tokenizer)
    texts = [text for text in training_texts() if text.strip() and "<" not in text][:90]
    texts = [f"#no {text}" if i % 5 == 0 else text for i, text in enumerate(texts)]
    joined, begin = [], 0
    while begin < len(texts):
        count = 1 + len(joined) % 5
        joined.append("<file_sep>".join(texts[begin : begin + count]))
        begin += count
    path = tmp_path_factory.mktemp("fim") / "repositories.store"
    eod = tokenizer.token_to_id("<eod>")
    with StoreWriter(path, vocab_size=ours.vocab_size, append_id=eod, tokenizer=ours) as writer:
        writer.append(ours.encode_batch(joined))
    return TokenStore.open(path), tokenizer


def test_megatrons_data_set_makes_the_same_of_repositories(repositories):
    """Its fim_split_sample, fim_fragment_rate and fim_no_prefix, row by row on the same draws."""
    store, tokenizer = repositories
    eod, split = tokenizer.token_to_id("<eod>"), tokenizer.token_to_id("<file_sep>")
    marks = tuple(tokenizer.token_to_id(f"<fim_{name}>") for name in ("prefix", "suffix", "middle"))
    plan = pypack.pack(store.lengths, 2048, "next_fit", room=90, overflow="drop")
    objective = FillInMiddle(
        0.8, 0.4, level="character", split_token="<file_sep>", file_rate=0.6, skip_prefix="#no"
    )
    loader = Loader(store, plan, batch_sequences=2, objective=objective)
    plain = Loader(store, plan, batch_sequences=2)
    special = {eod, split, *marks}
    how = reference.Infilling(round(0.8 * UNIT), round(0.4 * UNIT), *marks, special, split, round(0.6 * UNIT))
    files = 0
    for step in range(loader.steps_per_epoch):
        batch, before = loader.batch_at(step), plain.batch_at(step)
        for row, sequence in enumerate(loader.sequences_at(step).tolist()):
            if sequence < 0:
                continue
            sample = before.input_ids[row][before.segment_ids[row] > 0].tolist()
            at = {"document": -1, "file": -1, "drawn": (how, 0)}

            def binomial(rate, sequence=sequence, at=at):
                """0.8: of the next document; 0.6: of its next file; 0.4: which part comes first."""
                if rate == 0.4:
                    return at["drawn"][0].suffix_first(at["drawn"][1])
                at["document"], at["file"] = (
                    (at["document"] + 1, -1) if rate == 0.8 else (at["document"], at["file"] + 1)
                )
                key = key_of(loader, 0, sequence, at["document"])
                at["drawn"] = (how if rate == 0.8 else how.of_file(key, at["file"]), key)
                return at["drawn"][0].is_chosen(key)

            theirs = reference.MegatronFim(
                0.8, 0.4, eod, marks,
                decode=lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
                encode=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
                binomial=binomial,
                boundaries=lambda size, at=at: at["drawn"][0].cuts(at["drawn"][1], size),
                split=split, fragment_rate=0.6, no_prefix="#no",
            )  # fmt: skip
            made = batch.input_ids[row][batch.segment_ids[row] > 0].tolist()
            assert theirs.sample(sample, 0, cut=False) == made
            files += sample.count(split)
        assert batch.objective_counts["without_room"] == 0
    assert files > 20


def test_pieces_of_a_cut_document_are_infilled_each_for_itself(store):
    plan = pypack.pack(store.lengths, 32, room=3)
    assert plan.counts.split_documents > 50
    batch = Loader(store, plan, batch_sequences=len(plan), objective=FillInMiddle(1.0, **PLAIN)).batch_at(0)
    plain = Loader(store, plan, batch_sequences=len(plan)).batch_at(0)
    short = sum(
        length == 1 and row[place] == EOD for row, place, length in _ends(plain)
    )  # no content: only an end
    assert batch.objective_counts["infilled"] == plan.num_spans - short
    for row, begin, length in _ends(batch):
        ids = row[begin : begin + length].tolist()
        if length > 1:
            assert ids[0] == 1
            assert sorted(i for i in ids if i in (1, 2, 3)) == [1, 2, 3]
        assert EOD not in ids[:-1]
    assert sorted(batch.input_ids[batch.input_ids > 3]) == sorted(plain.input_ids[plain.input_ids > 3])


def _ends(batch):
    """Of every span: its row's ids, where it begins, how long it is."""
    for row in range(len(batch.input_ids)):
        segments = batch.segment_ids[row]
        for segment in range(1, int(segments.max()) + 1):
            places = np.flatnonzero(segments == segment)
            yield batch.input_ids[row], int(places[0]), len(places)


def test_rates_are_met(store, plan):
    one = Loader(store, plan, batch_sequences=8, objective=FillInMiddle(0.5, 0.25, **PLAIN))
    for _ in range(20):
        list(one)
    found = one.stats.objective
    spans = 20 * plan.num_spans
    assert abs(found["infilled"] / spans - 0.5) < 0.04
    assert abs(found["suffix_first"] / found["infilled"] - 0.25) < 0.04
    assert found["without_room"] == 0


def test_too_little_room_leaves_a_document_as_it_is(store):
    """With align alone there is room behind some spans, by chance."""
    plan = pypack.pack(store.lengths, 64, align=4)
    loader = Loader(store, plan, batch_sequences=len(plan), objective=FillInMiddle(1.0, **PLAIN))
    batch, plain = loader.batch_at(0), Loader(store, plan, batch_sequences=len(plan)).batch_at(0)
    has_room = plain.span_lengths % 4 == 1
    infilled = batch.span_lengths != plain.span_lengths
    assert (infilled <= has_room).all()
    assert batch.objective_counts["without_room"] == int((~has_room & (plain.span_lengths > 1)).sum())
    assert batch.objective_counts["without_room"] + batch.objective_counts["infilled"] > 150


def test_what_does_not_go_is_refused(store, plan, texts):
    with pytest.raises(ValueError, match="no plan has room for them behind its spans: pack with room=3"):
        Loader(store, pypack.pack(store.lengths, 64), batch_sequences=4, objective=FillInMiddle(**PLAIN))
    with pytest.raises(ValueError, match="prefix_id, suffix_id and middle_id go together, got prefix_id"):
        FillInMiddle(prefix_id=3)
    with pytest.raises(ValueError, match="no store holds its tokenizer: give prefix_id="):
        Loader(store, plan, batch_sequences=4, objective=FillInMiddle(special_ids=[]))
    with pytest.raises(ValueError, match="level='character' needs the tokenizer, and no store holds it"):
        Loader(store, plan, batch_sequences=4, objective=FillInMiddle(level="character", **PLAIN))
    with pytest.raises(ValueError, match="level must be"):
        FillInMiddle(level="byte")
    weighted = Source(store, plan, loss_weights=np.ones(store.num_tokens))
    with pytest.raises(ValueError, match="FillInMiddle puts other tokens in the place"):
        Loader(weighted, batch_sequences=4, objective=FillInMiddle(**PLAIN))
    other = Loader(store, plan, batch_sequences=4, objective=FillInMiddle(0.4, **PLAIN)).state_dict()
    with pytest.raises(ValueError, match="objective"):
        Loader(store, plan, batch_sequences=4, objective=FillInMiddle(0.5, **PLAIN)).load_state_dict(other)
    found, tokenizer = texts
    loader = Loader(
        found, pypack.pack(found.lengths, 64, room=3), batch_sequences=4, objective=FillInMiddle()
    )
    ids = loader.objective.prefix_id, loader.objective.suffix_id, loader.objective.middle_id
    names = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
    assert ids == tuple(map(tokenizer.token_to_id, names))


def test_a_tiny_llama_has_the_loss_of_megatrons_samples(texts):
    """Each document by itself, as Megatron's algorithm makes it of the same draws, and packed by pypack."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    store, tokenizer = texts
    eod = tokenizer.token_to_id("<eod>")
    marks = tuple(tokenizer.token_to_id(f"<fim_{name}>") for name in ("prefix", "suffix", "middle"))
    plan = pypack.pack(store.lengths, 256, "next_fit", room=24, overflow="drop")
    loader = Loader(
        store, plan, batch_sequences=2, layout="varlen", objective=FillInMiddle(0.8, level="character")
    )
    plain = Loader(store, plan, batch_sequences=2, layout="varlen")
    how = reference.Infilling(round(0.8 * UNIT), UNIT // 2, *marks, {eod})
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=store.vocab_size, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    losses, tokens = [], 0
    before, inputs = plain.batch_at(1), loader.batch_at(1).for_transformers()
    begin, document = 0, 0
    for row, sequence in enumerate(plain.sequences_at(1).tolist()):
        for number in range(int(np.diff(before.row_spans)[row])):
            key = key_of(loader, 0, sequence, number)
            theirs = reference.MegatronFim(
                0.8, 0.5, eod, marks,
                decode=lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
                encode=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
                binomial=lambda rate, key=key: how.suffix_first(key) if rate == 0.5 else how.is_chosen(key),
                boundaries=lambda size, key=key: how.cuts(key, size),
            )  # fmt: skip
            begin = int(before.cu_seqlens[document])
            length = int(before.span_lengths[document])
            sample = theirs.sample(before.input_ids[begin : begin + length].tolist(), 0, cut=False)
            ids = torch.tensor([sample])
            with torch.no_grad():
                losses.append(model(input_ids=ids, labels=ids).loss.double() * (len(sample) - 1))
            tokens += len(sample) - 1
            document += 1
    with torch.no_grad():
        packed = model(**inputs).loss.double()
    assert document > 3
    torch.testing.assert_close(packed, sum(losses) / tokens, rtol=1e-5, atol=1e-5)


def test_files_between_tokens_and_what_is_refused(repositories, store, plan):
    repository, tokenizer = repositories
    split = tokenizer.token_to_id("<file_sep>")
    room = pypack.pack(repository.lengths, 2048, room=30, overflow="drop")
    options = {"split_token": "<file_sep>", "file_rate": 1.0, "skip_prefix": "#no"}
    batch = Loader(
        repository, room, batch_sequences=len(room), objective=FillInMiddle(1.0, **options)
    ).batch_at(0)
    before = Loader(repository, room, batch_sequences=len(room)).batch_at(0)
    marks = [tokenizer.token_to_id(f"<fim_{name}>") for name in ("prefix", "suffix", "middle")]
    ids = batch.input_ids[batch.segment_ids > 0]
    plain = before.input_ids[before.segment_ids > 0]
    assert sorted(ids[~np.isin(ids, marks)]) == sorted(plain)  # nothing but control tokens came
    assert (ids == marks[0]).sum() == batch.objective_counts["infilled"]
    documents = tokenizer.decode(plain.tolist(), skip_special_tokens=False).split("<eod>")[:-1]
    files = [text for document in documents for text in document.split("<file_sep>")]
    kept = [text for text in files if text.startswith("#no")]
    assert len(kept) > 5
    assert batch.objective_counts["infilled"] == len(files) - len(kept)
    assert (ids == split).sum() == (plain == split).sum()
    by_id = FillInMiddle(1.0, **{**options, "split_token": split})
    other = Loader(repository, room, batch_sequences=len(room), objective=by_id)
    np.testing.assert_array_equal(other.batch_at(0).input_ids, batch.input_ids)
    with pytest.raises(ValueError, match="file_rate is for split_token"):
        FillInMiddle(file_rate=0.5)
    with pytest.raises(ValueError, match="skip_prefix is a text"):
        FillInMiddle(skip_prefix="")
    with pytest.raises(
        ValueError, match=r"split_token='<nope>': the tokenizer has no such token: give its id"
    ):
        Loader(repository, room, batch_sequences=2, objective=FillInMiddle(split_token="<nope>"))
    for given in ({"split_token": "<sep>"}, {"skip_prefix": "#"}):
        with pytest.raises(ValueError, match="no store holds it"):
            Loader(store, plan, batch_sequences=2, objective=FillInMiddle(**PLAIN, **given))


def test_options_that_came_later_leave_fingerprints_as_they_were():
    """A state of an older run goes on: the text of what was there before is what its fingerprint is of."""
    from pypack._common.fingerprint import text_fingerprint

    old = {"file_rate", "skip_prefix", "split_token"}
    said = FillInMiddle(0.5, **CONTROLS).to_dict()
    assert not old & said.keys()
    assert FillInMiddle(0.5, **CONTROLS).fingerprint.split()[1] == text_fingerprint(
        json.dumps(said, sort_keys=True)
    )
    assert FillInMiddle(0.5, split_token=7, **CONTROLS).to_dict()["split_token"] == 7
    assert "beta" not in ReplacedTokens().to_dict()


def test_control_tokens_are_told_apart():
    with pytest.raises(
        ValueError, match="suffix_id, middle_id has 4 more than once, and each begins another"
    ):
        FillInMiddle(prefix_id=4, suffix_id=5, middle_id=4)


def test_documents_that_are_kept_together_have_room_each(tmp_path):
    lengths = np.random.default_rng(3).integers(4, 14, 60)
    groups = np.arange(60) // 3
    store = make_store(tmp_path / "groups.store", lengths.tolist())
    plan = pypack.pack(store.lengths, 64, keep_together=groups, overflow="drop", room=3)
    plan.verify(store.lengths)
    objective = FillInMiddle(1.0, prefix_id=1, suffix_id=2, middle_id=3, special_ids=[])
    loader = Loader(store, plan, batch_sequences=4, objective=objective)
    counts = [loader.batch_at(step).objective_counts for step in range(loader.steps_per_epoch)]
    assert sum(count["without_room"] for count in counts) == 0
    assert sum(count["infilled"] for count in counts) == 60
