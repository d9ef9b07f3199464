"""The trainings of a study: that of a float parent and those of its candidates."""

from search.data.dataset import Dataset
from search.training.fit import FitPlan
from spaces.candidate import Candidate
from spaces.study_spec import StudySpec


def parent_plan(spec: StudySpec, dataset: Dataset) -> FitPlan:
    """Return how a float parent is trained."""
    settings = spec.parent
    return FitPlan(
        quantized=False,
        epochs=settings.epochs,
        batches_per_epoch=len(dataset.train) // settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=spec.seed,
        n_classes=dataset.n_classes,
        adversarial_weight=settings.adversarial_weight,
        adversarial_epsilon=settings.adversarial_epsilon or 0.0,
        adversarial_ramp_epochs=settings.adversarial_ramp_epochs,
    )


def candidate_plan(spec: StudySpec, dataset: Dataset, candidate: Candidate, *, seed: int) -> FitPlan:
    """Return how a candidate is trained; the seed is its trial's."""
    training = spec.training
    epsilon = candidate.training.get("adversarial_epsilon", next(iter(training.adversarial_epsilons), 0.0))
    return FitPlan(
        quantized=True,
        epochs=training.epochs,
        batches_per_epoch=len(dataset.train) // training.batch_size,
        learning_rate=candidate.training["learning_rate"],
        seed=seed,
        n_classes=dataset.n_classes,
        jacobian_every=training.jr_every,
        jacobian_weights={name: policy.jr_weight for name, policy in candidate.policies.items()},
        adversarial_weight=candidate.training["adversarial_weight"],
        adversarial_epsilon=epsilon,
    )
