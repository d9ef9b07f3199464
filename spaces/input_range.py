"""Attack radii against the range of a model's inputs: where mixed-up units are found out."""

from collections.abc import Sequence

from spaces.errors import SpecError


def check_epsilons(
    epsilons: Sequence[float], *, input_range: tuple[float, float], key: str = "robustness.epsilons"
) -> None:
    """Check a grid of radii with `check_epsilon`; the error names the key and the position."""
    for index, epsilon in enumerate(epsilons):
        check_epsilon(epsilon, input_range=input_range, key=f"{key}[{index}]")


def check_epsilon(epsilon: float, *, input_range: tuple[float, float], key: str) -> None:
    """Check that a radius is positive and no wider than the inputs' range.

    Args:
        epsilon: radius in the model's input units.
        input_range: smallest and largest value of an input.
        key: where the radius stands in the study file, e.g. "training.adversarial_epsilon".

    Raises:
        SpecError: it is not; a radius that looks like grey levels of 255 is answered with the fraction.
    """
    low, high = input_range
    width = high - low
    if 0 < epsilon <= width:
        return
    hint = f" Did you mean {epsilon:g}/255?" if (low, high) == (0.0, 1.0) and 1 < epsilon <= 255 else ""
    raise SpecError(
        f"{key} = {epsilon:g} must lie in (0, {width:g}], the width of the input range [{low:g}, {high:g}]; "
        f"got {epsilon:g}.{hint}"
    )
