"""The shift and scale of regression targets, kept in float64 beside the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.core.network import Network
from truezero.core.tensors import Tensors
from truezero.errors import DataError, ModelFileError

_LARGEST_EXPONENT = 1000
# Rows of a stream from which on its scale is known, is some measure, and of which a median is one.
_KNOWN, _A_MEASURE, _FEW = 1000, 100, 20
_FAR = 8.0  # times the scale from the mean


@dataclass(frozen=True)
class TargetMoments:
    """Of targets seen so far: their weight, rows, mean and deviation.

    Attributes
    ----------
    weight : float
    rows : int
    mean, deviation : ndarray of shape (n_outputs,), float64
        The deviation is exactly 0 where all targets are equal.
    """

    weight: float
    rows: int
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, y: NDArray[np.float64], weight: NDArray[np.float64] | None) -> TargetMoments:
        """Measure targets, shape (n_samples, n_outputs); rows may have weights."""
        given = weight / weight.max() if weight is not None and weight.any() else None
        mean = np.average(y, axis=0, weights=given)
        same = y.max(axis=0) == y.min(axis=0)
        mean = np.where(same, y[0], mean)  # of equal numbers the mean may be off by what it was rounded by
        far = np.abs(y - mean).max(axis=0)
        unit = np.where(far > 0, far, 1)  # squares of tiny numbers would be 0
        deviation = unit * np.sqrt(np.average(((y - mean) / unit) ** 2, axis=0, weights=given))
        total = (
            float(len(y))
            if given is None or weight is None
            else float(given.sum() * min(weight.max(), 1e300))
        )
        return cls(total, len(y), np.asarray(mean), np.asarray(deviation))

    def plus(self, other: TargetMoments) -> TargetMoments:
        """Of these targets and others together."""
        weight = self.weight + other.weight
        ours, theirs = self.weight / weight, other.weight / weight
        apart = other.mean - self.mean
        unit = np.maximum(np.maximum(self.deviation, other.deviation), np.abs(apart))
        unit = np.where(unit > 0, unit, 1)
        squares = ours * (self.deviation / unit) ** 2 + theirs * (other.deviation / unit) ** 2
        deviation = unit * np.sqrt(squares + ours * theirs * (apart / unit) ** 2)
        return TargetMoments(weight, self.rows + other.rows, self.mean + theirs * apart, deviation)


@dataclass(frozen=True)
class TargetScale:
    """What is taken from targets, and what they are divided by, before a network learns them.

    A network in float32 cannot say 2,460,000.5 and 2,460,000.6: so it says how far it is from the mean, and
    the mean is added in float64.

    Attributes
    ----------
    shift, scale : ndarray of shape (n_outputs,), float64
        Mean, and the power of two nearest to the deviation; 1 where all targets are equal.
    moments : TargetMoments or None
        What they come from, for a stream to go on.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    moments: TargetMoments | None = None

    @classmethod
    def learn(cls, moments: TargetMoments, *, centre: bool) -> TargetScale:
        """Find them from moments; no mean is taken without `centre`, for networks without biases."""
        mean, deviation = moments.mean, moments.deviation
        spread = deviation if centre else np.hypot(deviation, mean)
        exponent = np.round(np.log2(np.where(spread > 0, spread, 1)))
        scale = np.exp2(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
        return cls(mean if centre else np.zeros_like(mean), np.asarray(scale, np.float64), moments)

    def go_on(
        self, y: NDArray[np.float64], weight: NDArray[np.float64] | None, network: Network, *, centre: bool
    ) -> TargetScale:
        """Learn from further targets of a stream, and let a network follow, which goes on saying the same.

        The scale is learned again until a thousand rows are known, and later where targets are new or have
        gone far away. Where all were equal until now the network keeps its weights: there was no unit.
        """
        if self.moments is None:  # of a file of an older version
            return self
        unknown, reach = self.moments.deviation == 0, _FAR * self.scale
        # Many that are all far have moved; some that are, or few, are far out, and count as if at the limit.
        far = (np.median(np.abs(y - self.shift), axis=0) > reach) & (len(y) >= _FEW)
        if self.moments.rows >= _A_MEASURE:
            bounded = np.clip(y, self.shift - reach, self.shift + reach)
            y = np.where(far | unknown, y, bounded)
        moments = self.moments.plus(TargetMoments.of(y, weight))
        if self.moments.rows >= _KNOWN and not (far | unknown).any():
            return TargetScale(self.shift, self.scale, moments)
        learned = TargetScale.learn(moments, centre=centre)
        factor = np.where(unknown, 1.0, self.scale / learned.scale)
        network.weights[-1] *= factor.astype(network.dtype)
        biases = network.biases[-1].astype(np.float64)
        moved = np.where(unknown, 0.0, (self.shift - learned.shift) / learned.scale)
        network.biases[-1][:] = biases * factor + (moved if centre else 0.0)
        return learned

    def scale_output(self, network: Network) -> None:
        """Let a network that gives y itself give (y − shift) / scale."""
        network.weights[-1] /= self.scale.astype(network.dtype)
        network.biases[-1][:] = (network.biases[-1].astype(np.float64) - self.shift) / self.scale

    def row_weights(self, y: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """What rows of a stream count whose targets are far out, as in `InputScale.row_weights`."""
        far = np.abs((y - self.shift) / self.scale).max(axis=1)
        return None if (far <= _FAR).all() else np.asarray(np.square(_FAR / np.maximum(far, _FAR)))

    def encode(self, y: NDArray[np.float64], dtype: str | np.dtype[np.floating]) -> Array:
        """Targets as a network learns them, shape of y, (n_samples, n_outputs).

        Raises
        ------
        DataError
            If one is so far from the others that it is infinite in this dtype.
        """
        with np.errstate(over="ignore"):
            encoded = ((y - self.shift) / self.scale).astype(dtype)
        if not np.isfinite(encoded).all():
            target = y[~np.isfinite(encoded).all(axis=1)][0].tolist()
            raise DataError(f"y has {target}, too far from the other targets for {dtype}")
        return np.asarray(encoded)

    def decode(self, output: Array) -> NDArray[np.float64]:
        """What a network's output, (n_samples, n_outputs), is in the targets' own units."""
        return np.asarray(self.shift + self.scale * output.astype(np.float64))

    def to_tensors(self) -> Tensors:
        """What a model file keeps of it."""
        kept = {"target_shift": self.shift, "target_scale": self.scale}
        if self.moments is not None:
            kept |= {"target_mean": self.moments.mean, "target_deviation": self.moments.deviation}
            kept["target_seen"] = np.array([self.moments.weight, self.moments.rows])
        return kept

    @classmethod
    def from_tensors(cls, tensors: Tensors, n_outputs: int) -> TargetScale:
        """Read what `to_tensors` wrote, of older versions too.

        Raises
        ------
        ModelFileError
            If that cannot be it.
        """
        names, least = ("shift", "scale", "mean", "deviation"), (-np.inf, 0, -np.inf, 0)
        found = {name: tensors.get(f"target_{name}") for name in names}
        for (name, numbers), lowest in zip(found.items(), least, strict=True):
            if numbers is None and name in ("mean", "deviation"):
                continue
            if (
                numbers is None
                or numbers.shape != (n_outputs,)
                or numbers.dtype.kind != "f"
                or not (np.isfinite(numbers) & (numbers >= lowest)).all()
                or (name == "scale" and (numbers == 0).any())
            ):
                raise ModelFileError(f"the targets' {name} must be numbers, one per output")
        seen, moments = tensors.get("target_seen"), None
        if seen is not None:
            if seen.shape != (2,) or seen.dtype != np.float64 or not (np.isfinite(seen) & (seen > 0)).all():
                raise ModelFileError("the weight and the number of targets seen must be numbers above 0")
            if found["mean"] is None or found["deviation"] is None:
                raise ModelFileError("the mean and the deviation of the targets are missing")
            mean, deviation = (np.asarray(found[name], np.float64) for name in ("mean", "deviation"))
            moments = TargetMoments(float(seen[0]), int(seen[1]), mean, deviation)
        shift, scale = (np.asarray(found[name], np.float64) for name in ("shift", "scale"))
        return cls(shift, scale, moments)
