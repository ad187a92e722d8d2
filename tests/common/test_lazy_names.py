"""Names that packages hand out at first use."""

from __future__ import annotations

import types

import pytest

from pypack._common.lazy import lazy_exports


def test_a_module_may_not_hide_the_name_that_it_gives() -> None:
    """Once imported it would be the package's attribute of that name: `pack_pairs` was a module then."""
    with pytest.raises(AssertionError, match="pack_pairs"):
        lazy_exports("pypack.objectives", {"pack_pairs": "pack_pairs"})


def test_pack_pairs_is_a_function_whatever_was_imported_first() -> None:
    import pypack.objectives.packed_pairs
    from pypack.objectives import pack_pairs

    assert isinstance(pack_pairs, types.FunctionType)
    assert pack_pairs is pypack.objectives.packed_pairs.pack_pairs
