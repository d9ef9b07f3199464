import numpy as np
from sklearn.datasets import load_digits as load_bunch

from search.data.digits import load_digits


def test_every_digit_is_used_once():
    raw = load_digits()
    assert (len(raw.x_train), len(raw.x_test)) == (1437, 360)
    ours = np.concatenate([raw.x_train, raw.x_test])[..., 0].reshape(1797, -1).tolist()
    assert sorted(ours) == sorted(load_bunch().data.astype(int).tolist())


def test_test_split_is_fixed_and_stratified():
    first, second = load_digits(), load_digits()
    assert np.array_equal(first.x_test, second.x_test)
    # scikit-learn has 174 to 183 images of each digit, a fifth of them is 34.9 to 36.7.
    assert set(np.bincount(first.y_test).tolist()) <= {34, 35, 36, 37}


def test_values_are_sixteenths():
    raw = load_digits()
    assert (raw.x_train.dtype, raw.x_train.max(), raw.input_scale) == (np.uint8, 16, 1 / 16)
