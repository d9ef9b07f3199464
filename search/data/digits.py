"""The 8x8 handwritten digits that come with scikit-learn: nothing to download."""

from pathlib import Path

import numpy as np

from search.data.dataset import RawData
from search.data.splits import stratified_indices

TEST_EXAMPLES = 360
_TEST_SEED = 20230618  # constant: the test split is part of the data set, not of a study


def load_digits(data_dir: Path | None = None) -> RawData:  # noqa: ARG001  (every source is handed the folder)
    """Return the 1,797 digits with a fixed stratified test split; `data_dir` has no meaning here."""
    from sklearn.datasets import load_digits as load_bunch  # takes a second to import

    bunch = load_bunch()
    x = bunch.images.astype(np.uint8)[..., np.newaxis]  # values 0..16
    y = bunch.target.astype(np.int64)
    test = stratified_indices(y, TEST_EXAMPLES, np.random.default_rng(_TEST_SEED))
    is_test = np.zeros(len(y), dtype=bool)
    is_test[test] = True
    return RawData(
        name="digits",
        x_train=x[~is_test],
        y_train=y[~is_test],
        x_test=x[is_test],
        y_test=y[is_test],
        input_scale=1 / 16,
        input_range=(0.0, 1.0),
        n_classes=10,
        image=True,
    )
