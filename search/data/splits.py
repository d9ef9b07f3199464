"""Fixed stratified splits of a data set, and the fingerprint by which a study knows its data again."""

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import Dataset, Labels, RawData, Split
from search.data.input_grid import InputGrid
from spaces.errors import DataError


def split(raw: RawData, *, validation_examples: int, attack_examples: int, seed: int) -> Dataset:
    """Hold out a stratified validation split and choose the attack subset inside it.

    Where the source names its validation examples, those are held out, and what is not asked for of them is left out.
    The same data, counts and seed give the same split everywhere. Train and validation keep the source's order; the
    test part is the source's own.

    Raises:
        DataError: the source has too few examples for what is asked, or a class without one.
    """
    _check_counts(raw, validation_examples=validation_examples, attack_examples=attack_examples)
    rng = np.random.default_rng(seed)
    pool = _validation_pool(raw)
    held_out = pool[stratified_indices(raw.y_train[pool], validation_examples, rng)]
    attacked = stratified_indices(raw.y_train[held_out], attack_examples, rng)
    is_train = np.ones(len(raw.y_train), dtype=bool) if raw.validation is None else ~raw.validation
    is_train[held_out] = False
    _check_classes(raw.y_train[is_train], raw.n_classes, part="train", name=raw.name)
    _check_classes(raw.y_test, raw.n_classes, part="test", name=raw.name)
    return Dataset(
        name=raw.name,
        train=Split(x=raw.x_train[is_train], y=raw.y_train[is_train], input_scale=raw.input_scale),
        validation=Split(x=raw.x_train[held_out], y=raw.y_train[held_out], input_scale=raw.input_scale),
        attack_indices=attacked,
        test=Split(x=raw.x_test, y=raw.y_test, input_scale=raw.input_scale),
        input_range=raw.input_range,
        n_classes=raw.n_classes,
        fingerprint=fingerprint(raw, held_out=held_out, attacked=attacked, seed=seed),
        image=raw.image,
        input_grid=raw.input_grid or InputGrid.of_range(raw.input_range),
        is_synthetic=raw.is_synthetic,
        is_exact=raw.is_exact,
        note=raw.note,
        sound=None if raw.sound is None else raw.sound.of_training(np.flatnonzero(is_train)),
    )


def _validation_pool(raw: RawData) -> NDArray[np.int64]:
    """Return the positions of the training examples that may be held out."""
    return np.arange(len(raw.y_train)) if raw.validation is None else np.flatnonzero(raw.validation)


def stratified_indices(y: Labels, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose `count` examples so that every class has its share, rounded by largest remainder; ascending.

    Class c with n_c of n examples gets floor(count * n_c / n) or one more: the examples left over go to the largest
    remainders, at ties to the smaller class number.

    Raises:
        DataError: there are fewer than `count` examples.
    """
    if not 0 <= count <= len(y):
        raise DataError(f"cannot choose {count} of {len(y)} examples.")
    classes, sizes = np.unique(y, return_counts=True)
    shares, remainders = np.divmod(count * sizes, len(y))
    left_over = count - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:left_over]] += 1
    chosen = [rng.permutation(np.flatnonzero(y == label))[:share] for label, share in zip(classes, shares, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def fingerprint(raw: RawData, *, held_out: NDArray[np.int64], attacked: NDArray[np.int64], seed: int) -> str:
    """Return SHA-256 over every example, label, shape, type and scale, the split's positions and its seed."""
    digest = hashlib.sha256(json.dumps({"seed": seed, "scale": raw.input_scale, "range": raw.input_range}).encode())
    for array in (raw.x_train, raw.y_train, raw.x_test, raw.y_test, held_out, attacked):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _check_counts(raw: RawData, *, validation_examples: int, attack_examples: int) -> None:
    n_train = len(raw.y_train)
    if raw.validation is not None and not 1 <= validation_examples <= int(raw.validation.sum()):
        raise DataError(
            f"data.validation_examples must lie in [1, {int(raw.validation.sum())}], the number of examples that data "
            f"set {raw.name!r} itself means for validation; got {validation_examples}."
        )
    if not 1 <= validation_examples < n_train:
        raise DataError(
            f"data.validation_examples must lie in [1, {n_train - 1}], because data set {raw.name!r} has {n_train} "
            f"training examples to hold them out of; got {validation_examples}."
        )
    if not 1 <= attack_examples <= validation_examples:
        raise DataError(
            f"data.attack_examples must lie in [1, {validation_examples}], the number of validation examples; "
            f"got {attack_examples}."
        )


def _check_classes(y: Labels, n_classes: int, *, part: str, name: str) -> None:
    missing = np.flatnonzero(np.bincount(y, minlength=n_classes) == 0)
    if len(missing):
        raise DataError(
            f"data set {name!r}: its {part} split of {len(y)} examples has none of class {missing[0]}; every one of "
            f"the {n_classes} classes needs at least one."
        )
