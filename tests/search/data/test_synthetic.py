import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from search.data.synthetic import synthetic_data


def drawn(input_shape=(8, 8, 1), n_classes=10, validation_examples=300):
    return synthetic_data(
        stands_for="digits", input_shape=input_shape, n_classes=n_classes, validation_examples=validation_examples
    )


def test_drawn_data_are_marked():
    raw = drawn()
    assert raw.is_synthetic
    assert not raw.is_exact
    assert raw.name == "synthetic-digits"
    assert "dry run" in raw.note


@pytest.mark.parametrize("validation_examples", [1, 300, 2000])
def test_there_are_four_times_the_validation_examples(validation_examples):
    raw = drawn(validation_examples=validation_examples)
    assert len(raw.x_train) >= max(4 * validation_examples, 1000)
    assert len(raw.x_test) >= 300


@pytest.mark.parametrize(("input_shape", "n_classes"), [((8, 8, 1), 10), ((32, 32, 3), 10), ((49, 10, 1), 12)])
def test_images_have_the_shape_and_every_class(input_shape, n_classes):
    raw = drawn(input_shape, n_classes)
    assert raw.x_train.shape[1:] == input_shape
    assert raw.x_train.dtype == np.uint8
    assert set(raw.y_train.tolist()) == set(raw.y_test.tolist()) == set(range(n_classes))


def test_drawing_again_gives_the_same_images():
    assert np.array_equal(drawn().x_train, drawn().x_train)


def test_training_and_test_images_differ():
    raw = drawn()
    assert not set(map(bytes, raw.x_train)) & set(map(bytes, raw.x_test))


@pytest.mark.parametrize("input_shape", [(8, 8, 1), (32, 32, 3)])
def test_classes_can_be_learned(input_shape):
    raw = drawn(input_shape)
    x = raw.x_train.reshape(len(raw.x_train), -1)[:600] / 255
    model = LogisticRegression(max_iter=300).fit(x, raw.y_train[:600])
    assert model.score(raw.x_test.reshape(len(raw.x_test), -1) / 255, raw.y_test) > 0.8
