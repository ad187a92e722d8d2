# Stub of the extension, checked against it by mypy's stubtest. One section per binding file.
import numpy as np
from numpy.typing import NDArray

# common
def permute_range(size: int, key: int, start: int, stop: int) -> NDArray[np.int64]: ...
def random_bits(seed: int, purpose: int, index: int) -> int: ...
