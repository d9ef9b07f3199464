"""The experiments of `tests.benchmarks.hardware`: each returns rows, the first of which is what the service does."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from search.attacks.losses import Backward, Loss
from search.data.dataset import Split
from search.data.pipeline import batches
from search.models import network as network_module
from search.models.classifier import NetworkClassifier
from search.runtime import tf
from search.training.step import StepKind
from tests.benchmarks.side_by_side import Times, interleaved, median_ratio
from tests.benchmarks.trial_parts import BATCH, quantized_network, resnet8, training_step

_QAT = StepKind(quantized=True, jacobian=False, adversarial=False)
_EVALUATION_SIZES = (512, 128, 256, 1024, 2048)
_THREADS = ((0, 0), (1, 1), (2, 1), (1, 2), (2, 2))  # 0 leaves the choice to TensorFlow
_STEPS_OF_PIPELINE = 8
_QUEUE_LENGTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant of an experiment.

    Attributes:
        ratio: its time over that of the experiment's first variant.
        note: what else was compared.
    """

    experiment: str
    variant: str
    milliseconds: float
    ratio: float
    note: str = ""


def _rows(experiment: str, times: Times, notes: Mapping[str, str] | None = None) -> list[Row]:
    first = next(iter(times))
    return [
        Row(
            experiment=experiment,
            variant=name,
            milliseconds=1e3 * float(np.median(seconds)),
            ratio=median_ratio(times, name, first),
            note=(notes or {}).get(name, ""),
        )
        for name, seconds in times.items()
    ]


def _images(count: int = BATCH) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    # Multiples of 1/255, as images have them.
    x = (rng.integers(0, 256, (count, 32, 32, 3)) / 255).astype(np.float32)
    return x, rng.integers(0, 10, count)


def bfloat16_forward(rounds: int) -> list[Row]:
    """Convolve codes in bfloat16, which holds 8-bit codes exactly; TensorFlow rounds the sums to bfloat16 too."""
    x, _ = _images()
    rows = []
    for bits in (4, 8):
        network = quantized_network(resnet8(), x, bits=bits)
        plain, cheap = (_classifier(network) for _ in range(2))
        exact = plain.logits(x)
        with patch.object(network_module, "_apply_kernel", _in_bfloat16(network_module._apply_kernel)):
            rounded = cheap.logits(x)
        agreement = float(np.mean(exact.argmax(axis=1) == rounded.argmax(axis=1)))
        difference = float(np.abs(exact - rounded).max() / np.ptp(exact))
        note = f"same decision on {agreement:.1%}; largest difference {difference:.2%} of the logits' range"
        times = interleaved({"float32": partial(plain.logits, x), "bfloat16": partial(cheap.logits, x)}, rounds=rounds)
        rows += _rows(f"forward, {bits} bits", times, {"bfloat16": note})
    return rows


def bfloat16_gradient(rounds: int) -> list[Row]:
    """Take the attack's gradient back in bfloat16, the decision staying in float32."""
    x, y = _images()
    network = quantized_network(resnet8(), x)
    plain, cheap = (_classifier(network) for _ in range(2))

    def gradient(classifier: NetworkClassifier) -> Any:
        return classifier.loss_gradient(x, y, loss=Loss.MARGIN, backward=Backward.SURROGATE)[1]

    exact = gradient(plain)
    transposed = network_module._apply_kernel_transposed
    with patch.object(network_module, "_apply_kernel_transposed", _in_bfloat16(transposed)):
        rounded = gradient(cheap)
    agreement = float(np.mean(np.sign(exact) == np.sign(rounded)))
    times = interleaved({"float32": lambda: gradient(plain), "bfloat16": lambda: gradient(cheap)}, rounds=rounds)
    return _rows("attack gradient", times, {"bfloat16": f"same sign at {agreement:.1%} of the pixels"})


def _classifier(network: network_module.Network) -> NetworkClassifier:
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0))
    classifier.refresh()
    return classifier


def _in_bfloat16(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a layer's linear map with its operands, and so its result, in bfloat16."""

    def converted(layer: Any, x: Any, kernel: Any, *rest: Any) -> Any:
        low = (tf.cast(value, tf.bfloat16) for value in (x, kernel))
        return tf.cast(function(layer, *low, *rest), tf.float32)

    return converted


def xla_quantizers(rounds: int) -> list[Row]:
    """Compile the quantizers of a training step with XLA, which fuses their elementwise operations."""
    x, y = _images()
    variants: dict[str, Callable[[], object]] = {}
    for name, compiled in (
        ("plain", ()),
        ("XLA for activations", ("quantize_relu",)),
        ("XLA for kernels", ("quantize_kernel",)),
    ):
        network = quantized_network(resnet8(), x)
        step = training_step(network, 1.0)
        variants[name] = _stepper(step, x, y)
        with ExitStack() as stack:
            for function in compiled:
                original = getattr(network_module, function)
                fused = tf.function(original, jit_compile=True, autograph=False)
                stack.enter_context(patch.object(network_module, function, fused))
            variants[name]()  # traced while the quantizer is replaced
    return _rows("QAT step", interleaved(variants, rounds=rounds))


def _stepper(step: Any, x: Any, y: Any) -> Callable[[], object]:
    return lambda: step.run(_QAT, x, y, learning_rate=1e-5, seed=(0, 0)).numpy()


def threads(rounds: int) -> list[Row]:
    """Start processes with other numbers of threads, and one in which oneDNN may compute in bfloat16."""
    environments = {
        f"{intra or 'own choice'} intra, {inter or 'own choice'} inter": {
            "TF_NUM_INTRAOP_THREADS": str(intra),
            "TF_NUM_INTEROP_THREADS": str(inter),
        }
        for intra, inter in _THREADS
    }
    environments["oneDNN may use bfloat16"] = {
        "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    }
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.benchmarks.stepper"],
                    env={**os.environ, **changes},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    bufsize=1,
                )
            )
            for name, changes in environments.items()
        }
        times: Times = {name: [] for name in processes}
        for index in range(rounds + 2):
            for name, process in processes.items():
                seconds = _ask(process)
                if index >= 2:
                    times[name].append(seconds)
    return _rows("JR step, threads", times)


def _ask(process: "subprocess.Popen[str]") -> float:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the stepper needs pipes")
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def pipeline(rounds: int) -> list[Row]:
    """Prepare batches in the training's thread, or ahead of it in another one."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2048, 32, 32, 3), dtype=np.uint8)
    split = Split(x=images, y=rng.integers(0, 10, len(images)), input_scale=1 / 255)
    x, _ = _images()
    step = training_step(quantized_network(resnet8(), x), 1.0)

    def few() -> Iterator[Any]:
        epoch = batches(split, batch_size=BATCH, seed=0, epoch=0, flip=True, shift_pixels=4)
        for _ in range(_STEPS_OF_PIPELINE):
            yield next(epoch)

    def train(examples: Iterator[Any]) -> None:
        for inputs, labels in examples:
            _stepper(step, inputs, labels)()

    times = interleaved(
        {
            "same thread": lambda: train(few()),
            "one thread ahead": lambda: train(_ahead(few())),
            "batches alone": lambda: list(few()),
        },
        rounds=rounds,
    )
    return _rows(f"{_STEPS_OF_PIPELINE} QAT steps", times)


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """Return the items in their order, taken from the iterator by a thread that is up to two of them ahead."""
    ready: queue.Queue[Any] = queue.Queue(_QUEUE_LENGTH)
    end = object()

    def fill() -> None:
        for item in items:
            ready.put(item)
        ready.put(end)

    threading.Thread(target=fill, daemon=True).start()
    while (item := ready.get()) is not end:
        yield item


def evaluation_batch(rounds: int) -> list[Row]:
    """Evaluate 2,048 images in batches of other sizes; the first is the service's."""
    x, _ = _images(2048)
    classifier = _classifier(quantized_network(resnet8(), x))

    def evaluate(size: int) -> None:
        with patch("search.models.classifier._BATCH", size):
            classifier.logits(x)

    times = interleaved({f"batches of {size}": partial(evaluate, size) for size in _EVALUATION_SIZES}, rounds=rounds)
    return _rows("2,048 logits", times)


EXPERIMENTS: dict[str, Callable[[int], list[Row]]] = {
    "bfloat16-forward": bfloat16_forward,
    "bfloat16-gradient": bfloat16_gradient,
    "xla": xla_quantizers,
    "threads": threads,
    "pipeline": pipeline,
    "evaluation-batch": evaluation_batch,
}
