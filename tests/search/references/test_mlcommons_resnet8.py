"""MLCommons/Tiny's ResNet-8 as attacks see it, against the published accuracies and the interpreter's own answers."""

from pathlib import Path

import numpy as np
import pytest

from search.data.cifar10 import load_cifar10
from search.data.dataset import Dataset
from search.data.roots import search_roots
from search.data.splits import split
from search.references import litert, mlcommons_resnet8
from search.references.litert import require_litert, without_softmax
from spaces.errors import DataError, SetupError, SpecError
from tests.search.references.builders import context_of
from tests.search.trained_digits import digits_dataset

N_IMAGES = 400


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return split(load_cifar10(None), validation_examples=5000, attack_examples=100, seed=1)


def test_study_on_other_data_is_refused() -> None:
    with pytest.raises(SpecError, match=r"mlcommons-resnet8 classifies cifar10; the study's data are"):
        mlcommons_resnet8.load(context_of(digits_dataset()))


def test_missing_interpreter_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"need ai_edge_litert, flatbuffers.*pip install 'cosearch\[export\]'"):
        require_litert()


def test_file_that_is_no_tflite_model_is_refused() -> None:
    with pytest.raises(DataError, match=r"b'TFL3' in its bytes 4 to 8; got b'4567'"):
        without_softmax(b"0123456789")


@pytest.mark.realdata
def test_both_models_classify_as_published_and_their_bytes_are_those_of_a_device(dataset: Dataset) -> None:
    int8, float_model = mlcommons_resnet8.load(context_of(dataset))
    assert (int8.model.size_bytes, float_model.model.size_bytes) == (98_496, 4 * 78_666)
    x, y = dataset.test.inputs(slice(0, 2000)), dataset.test.y[:2000]
    for loaded in (int8, float_model):
        right = (loaded.models().target.logits(x).argmax(axis=1) == y).mean()
        assert right == pytest.approx(0.872, abs=0.02)


@pytest.mark.realdata
def test_int8_file_answers_as_the_interpreter_does_with_its_softmax(dataset: Dataset) -> None:
    from ai_edge_litert.interpreter import Interpreter

    int8, _ = mlcommons_resnet8.load(context_of(dataset))
    model = int8.models().target
    logits = model.logits(dataset.test.inputs(slice(0, N_IMAGES)))
    path, _ = mlcommons_resnet8.INT8_FILE.read(search_roots(None))
    deployed = deployed_probabilities(Interpreter, path, dataset.test.x[:N_IMAGES])
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    # An int8 probability is rounded to a step of 1/256.
    assert np.abs(exponents / exponents.sum(axis=1, keepdims=True) - deployed).max() < 0.02
    assert logits.max() > 5, "logits, not probabilities"
    few = dataset.test.inputs(slice(0, 3))
    assert np.array_equal(model.logits(few), logits[:3]), "the size of a batch must not matter"


def deployed_probabilities(interpreter_class: type, path: Path, pixels: np.ndarray) -> np.ndarray:
    interpreter = interpreter_class(model_path=str(path))
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for image in pixels.astype(np.int16):
        interpreter.set_tensor(source["index"], (image[None] - 128).astype(np.int8))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(sink["index"])[0].astype(np.float32) + 128)
    return np.array(answers) / 256
