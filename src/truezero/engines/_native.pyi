from typing import Any, ClassVar

from numpy.typing import NDArray

COMPILER: str
MANY_EXAMPLES: int
SOURCE_HASH: str

class LevelUnavailable(RuntimeError): ...

class Products:
    automatic: ClassVar[Products]
    sparse: ClassVar[Products]
    dense: ClassVar[Products]

class StepSettings:
    learning_rate: float
    batch_size: int
    l1: list[float]
    dense: list[bool]
    dropout: float
    input_dropout: float
    dropout_threshold: int
    input_dropout_threshold: int
    max_norm: float
    weight_decay: float
    epoch: int
    seed: int

class AutoencoderSettings(StepSettings):
    stack_layer: int
    zeros_threshold: int
    ones_threshold: int
    noise_deviation: float
    reconstruction: int
    target: int
    bounded: bool
    deviation: float
    tied: bool
    sampling: float
    sampling_threshold: int

def train_float32(
    network: tuple[Any, ...],
    input: tuple[Any, ...],
    target: NDArray[Any],
    weight: NDArray[Any] | None,
    ids: NDArray[Any],
    order: NDArray[Any],
    settings: StepSettings,
    n_threads: int,
    /,
) -> tuple[float, float]: ...
def train_float64(
    network: tuple[Any, ...],
    input: tuple[Any, ...],
    target: NDArray[Any],
    weight: NDArray[Any] | None,
    ids: NDArray[Any],
    order: NDArray[Any],
    settings: StepSettings,
    n_threads: int,
    /,
) -> tuple[float, float]: ...
def train_autoencoder_float32(
    network: tuple[Any, ...],
    input: tuple[Any, ...],
    target: NDArray[Any] | None,
    ids: NDArray[Any],
    order: NDArray[Any],
    settings: AutoencoderSettings,
    n_threads: int,
    /,
) -> tuple[float, float]: ...
def train_autoencoder_float64(
    network: tuple[Any, ...],
    input: tuple[Any, ...],
    target: NDArray[Any] | None,
    ids: NDArray[Any],
    order: NDArray[Any],
    settings: AutoencoderSettings,
    n_threads: int,
    /,
) -> tuple[float, float]: ...

class _Bound:
    def __init__(self, network: tuple[Any, ...], /) -> None: ...
    def forward(self, input: NDArray[Any], output: NDArray[Any], n_threads: int, /) -> None: ...

class _Predictor(_Bound):
    def evaluate(
        self, input: tuple[Any, ...], output: NDArray[Any], products: Products, count: bool, n_threads: int, /
    ) -> tuple[list[int], list[NDArray[Any]]] | None: ...
    def encode(
        self, input: tuple[Any, ...], layer: int, n_threads: int, /
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...

class PredictorFloat32(_Predictor): ...
class PredictorFloat64(_Predictor): ...
class PredictorBfloat16(_Bound): ...

def measure_bandwidth(bytes: int, rewrite: bool, n_threads: int, /) -> float: ...
def limit_cores(n: int, /) -> None: ...
def assume_cores(n: int, /) -> None: ...
def level_in_use() -> str: ...
def use_level(name: str, /) -> None: ...
def available_levels() -> list[str]: ...
def compiled_levels() -> list[str]: ...
