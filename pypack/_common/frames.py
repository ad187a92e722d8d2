"""What has an Arrow form, as frames of other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class Framed:
    """Gives what `to_arrow` gives to pandas and Polars."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """As an Arrow table."""
        raise NotImplementedError

    def to_pandas(self) -> Any:
        """The table of `to_arrow` as a pandas DataFrame (needs pandas)."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """The table of `to_arrow` as a Polars DataFrame (needs polars)."""
        import polars  # type: ignore[import-not-found, unused-ignore]

        return polars.from_arrow(self.to_arrow())
