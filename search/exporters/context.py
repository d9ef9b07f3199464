"""The context of an export: real examples, and what an attack on the trained network makes of them."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import ThreatModel
from search.attacks.pgd import PGD
from search.data.dataset import Dataset, Inputs, Labels
from search.data.input_grid import InputGrid
from search.data.splits import stratified_indices
from search.exporters.base import ExportContext, Logits
from search.metrics.cost import candidate_cost
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from search.models.trained_model import TrainedModel
from spaces.study_spec import StudySpec
from spaces.targets import Target

CALIBRATION_EXAMPLES = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportData:
    """What all exports of a study share.

    Attributes:
        calibration: inputs of the training split.  # [n_calibration, ...]
        x, y: test examples and their labels, each class with its share.  # [n, ...], [n]
        epsilons: the study's radii, in input units, ascending.
        pgd_steps: gradient steps of the attack at each radius.
        seed: of the study.
        note: what a reader of the figures has to know of these examples; empty for nothing.
    """

    calibration: Inputs
    x: Inputs
    y: Labels
    epsilons: tuple[float, ...]
    pgd_steps: int
    seed: int
    input_range: tuple[float, float]
    input_grid: InputGrid
    note: str = ""

    @classmethod
    def choose(cls, dataset: Dataset, spec: StudySpec, *, examples: int, note: str = "") -> "ExportData":
        """Choose the examples of a study's exports; the same for every trial.

        Args:
            dataset: of the study.
            spec: of the study.
            examples: how many test examples, at most.
            note: that of the result.
        """
        rng = np.random.default_rng(spec.seed)
        tested = stratified_indices(dataset.test.y, min(examples, len(dataset.test)), rng)
        n_calibration = min(CALIBRATION_EXAMPLES, len(dataset.train))
        calibrating = stratified_indices(dataset.train.y, n_calibration, rng)
        return cls(
            calibration=dataset.train.inputs(calibrating),
            x=dataset.test.inputs(tested),
            y=dataset.test.y[tested],
            epsilons=spec.robustness.epsilons,
            pgd_steps=spec.robustness.pgd_steps,
            seed=spec.seed,
            input_range=dataset.input_range,
            input_grid=dataset.input_grid,
            note=note,
        )


def make_context(model: TrainedModel, data: ExportData, target: Target | None) -> ExportContext:
    """Run and attack the trained network on the export's examples.

    Every radius goes on from where the one before ended; an example that is broken already stays as it is.
    """
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    classifier = NetworkClassifier(network, input_range=data.input_range)
    classifier.refresh()
    adversarial, logits = _attacked(classifier, data)
    return ExportContext(
        calibration=data.calibration,
        x=data.x,
        y=data.y,
        logits=classifier.logits(data.x),
        epsilons=data.epsilons,
        adversarial=adversarial,
        adversarial_logits=logits,
        input_range=data.input_range,
        input_grid=data.input_grid,
        target=target,
        cost=candidate_cost(model.topology, model.candidate),
        note=data.note,
    )


def _attacked(classifier: NetworkClassifier, data: ExportData) -> tuple[Inputs, Logits]:
    attack = PGD(steps=data.pgd_steps)
    rng = np.random.default_rng(data.seed)
    reached = data.x
    found = []
    for epsilon in data.epsilons:
        reached = attack(classifier, data.x, data.y, ThreatModel(epsilon=epsilon), start=reached, rng=rng).x
        found.append(reached)
    return np.stack(found), np.stack([classifier.logits(x) for x in found])
