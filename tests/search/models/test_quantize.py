import subprocess
import sys

import pytest


@pytest.mark.slow
def test_door_to_qkeras_may_be_the_first_module_of_a_process() -> None:
    code = "import search.models.quantize, os; assert os.environ['TF_USE_LEGACY_KERAS'] == '1'"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
