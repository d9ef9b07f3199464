"""Figures from logits, by hand."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.data.input_grid import InputGrid
from search.exporters.base import ExportContext
from search.exporters.context import make_context
from search.exporters.figures import figures_of, first_examples, measure_artefact, trained_figures
from search.metrics.cost import candidate_cost
from tests.search.exporters.builders import make_data, make_model

LABELS = np.array([0, 1, 1, 0])


def logits(answers: list[int]) -> NDArray[np.float32]:
    return np.eye(2, dtype=np.float32)[answers]


def by_hand() -> ExportContext:
    model = make_model()
    return ExportContext(
        calibration=np.zeros((1, 1), np.float32),
        x=np.zeros((4, 1), np.float32),
        y=LABELS,
        logits=logits([0, 1, 1, 1]),
        epsilons=(0.1, 0.2),
        adversarial=np.stack([np.ones((4, 1), np.float32), np.full((4, 1), 2, np.float32)]),
        adversarial_logits=np.stack([logits([0, 1, 0, 1]), logits([0, 0, 1, 0])]),
        input_range=(0.0, 1.0),
        input_grid=InputGrid(scale=1 / 255),
        target=None,
        cost=candidate_cost(model.topology, model.candidate),
    )


def test_what_is_wrong_at_one_radius_counts_as_wrong_at_all_larger_ones() -> None:
    figures = trained_figures(by_hand())
    assert (figures.clean_accuracy, figures.argmax_agreement, figures.n_examples) == (0.75, 1.0, 4)
    # At 0.1 the examples 0 and 1 are right; at 0.2 only 0, for 2 was broken before and 3 is wrong without an attack.
    assert figures.transferred == (0.5, 0.25)
    assert figures.robust_accuracy == 0.375


def test_agreement_and_difference_are_taken_on_the_clean_examples() -> None:
    context = by_hand()
    figures = figures_of(context, 3 * logits([0, 0, 1, 1]), context.adversarial_logits)
    assert (figures.clean_accuracy, figures.argmax_agreement, figures.largest_logit_difference) == (0.5, 0.75, 3.0)


def test_an_artefact_runs_once_on_clean_and_adversarial_examples() -> None:
    context = by_hand()
    seen = []

    def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(x)
        return np.concatenate([context.logits, *context.adversarial_logits])

    assert measure_artefact(context, run) == trained_figures(context)
    np.testing.assert_array_equal(np.concatenate(seen).ravel(), np.repeat([0, 1, 2], 4))


def test_first_examples_are_a_prefix_of_everything() -> None:
    context = first_examples(by_hand(), 3)
    assert trained_figures(context).transferred == (2 / 3, 1 / 3)
    assert trained_figures(replace(context, y=np.array([1, 1, 1]))).clean_accuracy == 2 / 3


def test_the_attack_stays_in_its_balls_and_in_the_range() -> None:
    model = make_model(shift=2, seed=8)  # one whose answers differ from example to example
    context = make_context(model, make_data(model.topology, pgd_steps=5), None)
    for epsilon, adversarial in zip(context.epsilons, context.adversarial, strict=True):
        assert np.abs(adversarial - context.x).max() <= epsilon + 1e-6
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1
    figures = trained_figures(context)
    assert figures.clean_accuracy >= figures.transferred[0] >= figures.transferred[1]
    assert figures.transferred[1] < figures.clean_accuracy
