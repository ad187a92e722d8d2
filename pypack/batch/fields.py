"""The fields of a batch that hold arrays, by what one item of them is of."""

from __future__ import annotations

# One item a token, in the order that `PackedBatch.to_dict` gives them.
PER_TOKEN = ("input_ids", "labels", "position_ids", "segment_ids", "loss_mask", "loss_weights")
# Those of the shape of the labels, which another side may have.
OF_LABELS = ("labels", "loss_mask", "loss_weights")
# Those of the arrays that describe the spans which are made when they are first asked for.
ON_DEMAND = ("document_ids", "source_ids", "span_lengths", "row_spans")
PER_SPAN = ("cu_seqlens", *ON_DEMAND, "group_ids")
