"""Parquet files, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance
from truezero.datasets.formats.tables import Cells, Table
from truezero.errors import DataError

_ROWS = 1000  # at a time
_MOST_COLUMNS = 100_000
_LONGEST_NAME = 1 << 20  # bytes of any text in the description of a file


@contextmanager
def parquet_table(path: Path, allowance: Allowance) -> Iterator[Table]:
    """Open a Parquet file.

    Raises
    ------
    DataError
        If pyarrow is missing, or the file is damaged or unpacks to far more than its size.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError("is a Parquet file, which needs pyarrow: pip install 'truezero[data]'") from error
    try:
        with parquet.ParquetFile(
            path,
            pre_buffer=False,
            thrift_string_size_limit=_LONGEST_NAME,
            thrift_container_size_limit=_MOST_COLUMNS,
        ) as file:
            yield _table(file, allowance)
    except (DataError, MemoryError):
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, LookupError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"is damaged or no Parquet file ({printable(' '.join(str(error).split()), 200)})"
        ) from error


def _table(file: Any, allowance: Allowance) -> Table:
    description, schema = file.metadata, file.schema_arrow
    for group in range(description.num_row_groups):
        of_group = description.row_group(group)
        if sum(of_group.column(place).total_uncompressed_size for place in range(of_group.num_columns)) > (
            allowance.most_unpacked
        ):
            raise DataError("holds too much for its size in one row group; write it in smaller ones")

    def read(places: Sequence[int]) -> Iterator[tuple[int, Cells]]:
        names, number = [schema.names[place] for place in places], 0
        for batch in file.iter_batches(batch_size=_ROWS, columns=names):
            for cells in zip(*(_cells(batch.column(name)) for name in names), strict=True):
                number += 1
                yield number, cells

    return Table(tuple(schema.names), "row", read)


def _cells(column: Any) -> Iterator[Any]:
    """Text and numbers of a column one after the other, so that not all are there at once; others are ()."""
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    known = (
        types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_floating,
        types.is_boolean, types.is_decimal, types.is_null,
    )  # fmt: skip
    if any(is_kind(kind) for is_kind in known):
        return (cell.as_py() for cell in column)
    return (() for _ in range(len(column)))
