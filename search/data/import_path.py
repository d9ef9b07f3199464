"""Functions that a study file names by import path, `package.module:function`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spaces.errors import SpecError


def import_function(import_path: str, *, key: str) -> Callable[..., Any]:
    """Import the function that `import_path` names; modules in the working directory are found.

    Args:
        import_path: `package.module:function`.
        key: the key of the study file that holds the path, for the error.

    Raises:
        SpecError: the path has another form, cannot be imported, or names no function.
    """
    where = f"{key} = {import_path!r}"
    module_name, colon, name = import_path.partition(":")
    if not (colon and all(part.isidentifier() for part in [*module_name.split("."), name])):
        raise SpecError(f"{where} must read 'package.module:function'.")
    import search.runtime  # noqa: F401  (the user's module may import TensorFlow, which must find Keras 2 chosen)

    _find_user_modules()
    try:
        module = importlib.import_module(module_name)
    except (ImportError, SyntaxError) as error:
        raise SpecError(
            f"{where} cannot be imported: {error}. Modules are looked for in the working directory and in the "
            "installed packages."
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        problem = f"has no {name!r}" if function is None else f"has {name!r}, which is no function"
        raise SpecError(f"{where}: module {module_name!r} {problem}.")
    found: Callable[..., Any] = function
    return found


def _find_user_modules() -> None:
    # `python -m search` has the working directory on the path, an installed script has not. It stays there, last,
    # because the user's function may import its neighbours only when it is called.
    working_directory = str(Path.cwd())
    if "" not in sys.path and working_directory not in sys.path:
        sys.path.append(working_directory)
