import signal
import sys

import pytest

from search.health.finding import Status
from search.health.tensorflow import tensorflow_finding


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


@pytest.mark.slow
def test_tensorflow_of_this_environment_is_well():
    finding = tensorflow_finding()
    assert finding.status is Status.OK
    assert finding.text.startswith("TensorFlow 2.")


def test_notices_before_the_versions_do_not_matter():
    finding = tensorflow_finding(python("print('notice\\n2.21.0 tf_keras')"))
    assert (finding.status, finding.text) == (Status.OK, "TensorFlow 2.21.0 with legacy Keras and QKeras")


def test_keras_3_is_a_problem():
    finding = tensorflow_finding(python("print('2.21.0 keras')"))
    assert (finding.status, "takes its Keras from 'keras'" in finding.text) == (Status.PROBLEM, True)


def test_error_of_the_import_is_shown():
    finding = tensorflow_finding(python("import no_such_module"))
    assert (finding.status, finding.text) == (Status.PROBLEM, "ModuleNotFoundError: No module named 'no_such_module'")


def test_processor_that_cannot_run_it_is_a_problem():
    finding = tensorflow_finding(python(f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})"))
    assert (finding.status, finding.text) == (Status.PROBLEM, "the import was killed by signal 4")
    assert "AVX" in finding.advice
