"""What is said to who wants a batch in a form that has no place for all that is in it."""

from __future__ import annotations

PAIRS_REFUSED = (
    "the batch has inputs of an encoder and targets of a decoder: pypack.adapters.encoder_decoder has masks "
    "and borders for both sides, anything else takes batches of one side"
)


def weights_refused(consumer: str) -> str:
    """The words for a consumer that knows no weights of losses."""
    return (
        f"the batch has loss_weights, and {consumer} has no place for them: leave them out of the sources, "
        "or weight the losses of the tokens yourself, (losses * batch.loss_weights).sum() / "
        "batch.loss_weights.sum()"
    )
