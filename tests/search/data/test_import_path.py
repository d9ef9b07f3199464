import sys

import pytest

from search.data.import_path import import_function
from spaces.errors import SpecError


def test_function_is_found():
    assert import_function("tests.search.data.builders:make_raw", key="data.loader").__name__ == "make_raw"


def test_module_in_the_working_directory_is_found(tmp_path, monkeypatch):
    (tmp_path / "my_loader_of_this_test.py").write_text("def load(data_dir):\n    return data_dir\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert import_function("my_loader_of_this_test:load", key="data.loader")(3) == 3


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("my_loader.load", "must read 'package.module:function'"),
        ("my_loader:", "must read 'package.module:function'"),
        (":load", "must read 'package.module:function'"),
        ("my loader:load", "must read 'package.module:function'"),
        ("no_such_module:load", "cannot be imported: No module named 'no_such_module'"),
        ("tests.search.data.builders:nothing", "has no 'nothing'"),
        ("tests.search.data.builders:NOT_A_FUNCTION", "has 'NOT_A_FUNCTION', which is no function"),
    ],
)
def test_path_that_leads_nowhere_is_refused_with_key_and_value(path, problem):
    with pytest.raises(SpecError, match=problem) as caught:
        import_function(path, key="data.loader")
    assert str(caught.value).startswith(f"data.loader = {path!r} ") or str(caught.value).startswith(
        f"data.loader = {path!r}: "
    )


def test_file_with_a_syntax_error_is_refused(tmp_path, monkeypatch):
    (tmp_path / "broken_loader_of_this_test.py").write_text("def load(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match=r"cannot be imported: .*broken_loader_of_this_test\.py, line 1"):
        import_function("broken_loader_of_this_test:load", key="data.loader")
