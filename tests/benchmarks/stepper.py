"""A process that does one quantized training step for every line it reads, and answers with its seconds.

Its environment decides how TensorFlow runs; `tests.benchmarks.hardware` starts one for each variant and gives them
turns.
"""

import sys
import time

import numpy as np

from search.training.step import StepKind
from tests.benchmarks.trial_parts import BATCH, quantized_network, resnet8, training_step


def main() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((BATCH, 32, 32, 3), dtype=np.float32), rng.integers(0, 10, BATCH)
    step = training_step(quantized_network(resnet8(), x), 0.25)
    kind = StepKind(quantized=True, jacobian=True, adversarial=False)
    for _ in sys.stdin:
        started = time.perf_counter()
        step.run(kind, x, y, learning_rate=1e-5, seed=(0, 0)).numpy()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
