"""Where rows and features are in a tensor, and what becomes of them where its shape changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from truezero.errors import ModelFileError
from truezero.interchange.onnx_constants import ROWS

_REORDERED = "it puts the features of a row into another order"


@dataclass(frozen=True)
class Layout:
    """Axes of a tensor of rows.

    Attributes
    ----------
    sizes : tuple of int
        Per axis; of that of the rows 1.
    rows : int or None
        Axis of the rows; None where the tensor is one row.
    batch : int or None
        Number of rows, where the file fixes it.
    """

    sizes: tuple[int, ...]
    rows: int | None
    batch: int | None = None

    @classmethod
    def of_input(cls, dims: list[int | None], n_inputs: int, *, columns: bool) -> Layout:
        """Find the rows in an input's shape, of which the file may know a part.

        Parameters
        ----------
        dims : list of int or None
            Sizes of its axes; none at all where the file says nothing.
        n_inputs : int
            What the first layer takes.
        columns : bool
            The first layer takes rows as columns, if there are no further axes.

        Raises
        ------
        ModelFileError
            If rows are of another width.
        """
        dims = dims or [None, None]
        rows = None if len(dims) == 1 else 1 if len(dims) == 2 and columns and dims[1] in (1, None) else 0
        sizes = [1 if axis == rows else size for axis, size in enumerate(dims)]
        known = math.prod(size for size in sizes if size is not None)
        unknown = [axis for axis, size in enumerate(sizes) if size is None]
        if len(unknown) == 1 and n_inputs % known == 0:
            sizes[unknown[0]] = n_inputs // known
        found = cls(tuple(size or 0 for size in sizes), rows, None if rows is None else dims[rows])
        if found.width != n_inputs:
            shown = "×".join("?" if size is None else str(size) for size in dims)
            raise ModelFileError(f"its input of {shown} does not fit the first layer, which takes {n_inputs}")
        return found

    @property
    def width(self) -> int:
        """Features of a row."""
        return math.prod(self.sizes)

    def axis(self, axis: int) -> int:
        """Axis counted from the first one.

        Raises
        ------
        ModelFileError
            If there is no such axis.
        """
        if not -len(self.sizes) <= axis < len(self.sizes):
            raise ModelFileError(f"there is no axis {axis}")
        return axis % len(self.sizes)

    def changed(self, sizes: tuple[int, ...], rows: int | None) -> Layout:
        """Of as many rows."""
        return Layout(sizes, rows, self.batch)

    def only_axis(self, axis: int) -> bool:
        """Whether an axis is the one that has the features."""
        axis = self.axis(axis)
        return axis != self.rows and self.sizes[axis] == self.width

    def broadcast(self, shape: tuple[int, ...]) -> Layout:
        """With a constant of this shape added.

        Raises
        ------
        ModelFileError
            If that makes more of the features.
        """
        try:
            sizes = np.broadcast_shapes(shape, self.sizes)
        except ValueError:
            sizes = ()
        if not sizes or math.prod(sizes) != self.width:
            raise ModelFileError(
                f"a constant of shape {shape} does not go with rows of {self.width} features"
            )
        grown = len(sizes) - len(self.sizes)
        return self.changed(sizes, None if self.rows is None else self.rows + grown)

    def reshaped(self, target: list[int], allow_zero: bool) -> Layout:
        """In another shape, of which -1 is what remains and 0 what it was.

        Raises
        ------
        ModelFileError
            If rows would not stay rows.
        """
        if self.rows is None:
            sizes = self._resolved(target, None, allow_zero)
            if sizes is not None:
                return self.changed(sizes, None)
        for place, size in enumerate(target):
            sizes = self._resolved(target, place, allow_zero)
            may_be = (
                size in (ROWS, -1)
                or (size == 0 and place == self.rows and not allow_zero)
                or size in (1, self.batch)
            )
            if sizes is not None and may_be and self._in_order(sizes, place):
                return self.changed(sizes, place)
        raise ModelFileError(f"rows of {self.width} features cannot have the shape {target}")

    def _in_order(self, sizes: tuple[int, ...], rows: int) -> bool:
        if self.rows is None:
            return False
        return math.prod(self.sizes[: self.rows]) == math.prod(sizes[:rows]) == 1 or self.width == 1

    def _resolved(self, target: list[int], rows: int | None, allow_zero: bool) -> tuple[int, ...] | None:
        """Sizes, that of the axis of the rows 1; None if they are not those of a row."""
        sizes = [1 if place == rows else size for place, size in enumerate(target)]
        for place, size in enumerate(sizes):
            if size == 0 and place != rows and not allow_zero and place < len(self.sizes):
                sizes[place] = self.sizes[place] if place != self.rows else 0
        free = [place for place, size in enumerate(sizes) if size == -1]
        if len(free) == 1:
            rest = -math.prod(sizes)
            if rest <= 0 or self.width % rest:
                return None
            sizes[free[0]] = self.width // rest
        if any(size < 1 for size in sizes) or math.prod(sizes) != self.width:
            return None
        return tuple(sizes)

    def flattened(self, axis: int) -> Layout:
        """As a matrix: axes before one, and from it on.

        Raises
        ------
        ModelFileError
            If rows would not stay rows.
        """
        axis = axis + len(self.sizes) if axis < 0 else axis
        before, after = math.prod(self.sizes[:axis]), math.prod(self.sizes[axis:])
        if self.rows is None:
            return self.changed((before, after), None)
        if before == 1 and self.rows < axis:
            return self.changed((1, after), 0)
        raise ModelFileError(f"flattened at axis {axis}, rows do not stay rows")

    def transposed(self, order: list[int] | None) -> Layout:
        """With axes in another order.

        Raises
        ------
        ModelFileError
            If features would be in another one.
        """
        n = len(self.sizes)
        order = list(range(n))[::-1] if order is None else order
        if sorted(order) != list(range(n)):
            raise ModelFileError(f"{order} is no order of {n} axes")
        moved = [axis for axis in order if self.sizes[axis] != 1]
        if moved != sorted(moved):
            raise ModelFileError(_REORDERED)
        return self.changed(
            tuple(self.sizes[axis] for axis in order), None if self.rows is None else order.index(self.rows)
        )

    def squeezed(self, axes: list[int] | None) -> Layout:
        """Without some axes of size 1, or without all of them.

        Raises
        ------
        ModelFileError
            If there are more numbers along one.
        """
        if axes is None:
            gone = {axis for axis, size in enumerate(self.sizes) if size == 1 and axis != self.rows}
        else:
            gone = {self.axis(axis) for axis in axes}
        if any(self.sizes[axis] != 1 or axis == self.rows for axis in gone):
            raise ModelFileError(f"axes {axes} have more than one number")
        kept = [axis for axis in range(len(self.sizes)) if axis not in gone]
        return self.changed(
            tuple(self.sizes[axis] for axis in kept), None if self.rows is None else kept.index(self.rows)
        )

    def unsqueezed(self, axes: list[int]) -> Layout:
        """With further axes of size 1.

        Raises
        ------
        ModelFileError
            If there cannot be such axes.
        """
        n = len(self.sizes) + len(axes)
        new = {axis + n if axis < 0 else axis for axis in axes}
        if len(new) != len(axes) or n > 32 or not new <= set(range(n)):
            raise ModelFileError(f"{axes} are no new axes")
        old = iter(self.sizes)
        places = [axis for axis in range(n) if axis not in new]
        return self.changed(
            tuple(1 if axis in new else next(old) for axis in range(n)),
            None if self.rows is None else places[self.rows],
        )
