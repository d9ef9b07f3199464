"""Images drawn by a procedure, for a dry run of the pipeline only: whatever is measured on them means nothing."""

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import Labels, RawData

_SEED = 1
_LEAST_TRAIN, _LEAST_TEST = 1437, 360  # as many as `digits` has
_NOISE = 40  # largest noise, in grey levels of 255


def synthetic_data(
    *, stands_for: str, input_shape: tuple[int, int, int], n_classes: int, validation_examples: int
) -> RawData:
    """Draw images of a data set's shape: each class is a striped pattern with a bright spot, under noise.

    The training part has four times the validation examples that the study will hold out of it, or more.

    Args:
        stands_for: the data set whose shape the images have; they are called `synthetic-<stands_for>`.
        input_shape: height, width, channels.
        n_classes: number of patterns.
        validation_examples: what the study holds out.
    """
    n_train = max(_LEAST_TRAIN, 4 * validation_examples, 4 * n_classes)
    n_test = max(_LEAST_TEST, n_train // 6)
    rng = np.random.default_rng(_SEED)
    parts = []
    for n_examples in (n_train, n_test):
        labels: Labels = rng.permutation(np.arange(n_examples) % n_classes).astype(np.int64)
        parts.append((_draw(labels, input_shape, n_classes, rng), labels))
    (x_train, y_train), (x_test, y_test) = parts
    return RawData(
        name=f"synthetic-{stands_for}",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        input_scale=1 / 255,
        input_range=(0.0, 1.0),
        n_classes=n_classes,
        image=True,
        is_synthetic=True,
        is_exact=False,
        note=f"drawn by a procedure in the shape of {stands_for}; a dry run, its figures mean nothing",
    )


def _draw(
    labels: Labels, input_shape: tuple[int, int, int], n_classes: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return one image for each label: [n, height, width, channels]."""
    height, width, channels = input_shape
    images = np.empty((len(labels), height, width, channels), dtype=np.uint8)
    for label in range(n_classes):
        members = np.flatnonzero(labels == label)
        pattern = _pattern(label, n_classes, input_shape)
        contrast = rng.uniform(0.5, 1.0, size=(len(members), 1, 1, 1)).astype(np.float32)
        noise = rng.integers(-_NOISE, _NOISE + 1, size=(len(members), *input_shape), dtype=np.int16)
        images[members] = np.clip(contrast * pattern + noise, 0, 255).astype(np.uint8)
    return images


def _pattern(label: int, n_classes: int, input_shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a class's stripes and spot in grey levels, turned by the class's angle: [height, width, channels]."""
    height, width, channels = input_shape
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    angle = np.pi * label / n_classes
    stripes = 0.5 + 0.5 * np.cos(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)))
    spot_row, spot_column = 0.6 * np.sin(2 * angle), 0.6 * np.cos(2 * angle)
    spot = np.exp(-8 * ((rows - spot_row) ** 2 + (columns - spot_column) ** 2))
    tint = 0.7 + 0.3 * np.cos(2 * angle + 2 * np.pi * np.arange(channels) / max(channels, 3))
    grey = 255 * np.clip(0.5 * stripes + 0.6 * spot, 0, 1)
    pattern: NDArray[np.float32] = (grey[..., np.newaxis] * tint).astype(np.float32)
    return pattern
