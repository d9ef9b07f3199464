"""What a person writes to describe a study: frozen pydantic models, checked once."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from spaces.effort_specs import EarlyStoppingSpec, WarmStartSpec
from spaces.errors import SpecError
from spaces.layer_specs import LayerChoices
from spaces.objectives import Constraint, Objective
from spaces.rungs import rung_epochs
from spaces.spec_values import Count, Epsilons, Integer, Number, Section, Widths, Words
from spaces.targets import Target, read_target
from spaces.training_specs import ParentSpec, TrainingSpec

_FOR_RECORDINGS = {"keywords", "shift_frames", "waveform_epsilon"}  # keys of `data`


class TopologySpec(Section):
    """Which network family, and its topology choices.

    Attributes:
        name: a topology of the service; or None with `builder`.
        builder: import path `package.module:function` of the user's own model builder.
        width: multipliers of the number of filters, at most 64.
    """

    name: str | None = None
    builder: str | None = None
    width: Widths = (1.0,)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.builder is None):
            raise ValueError("give either name (a topology of the service) or builder ('module:function')")
        return self

    def choices(self) -> dict[str, tuple[float, ...]]:
        """Return the searched topology choices by name."""
        return {"width": self.width}


class DataSpec(Section):
    """Which data, and how it is split.

    Attributes:
        name: a data set of the service; or None with `loader`.
        loader: import path `package.module:function` of the user's own loader.
        validation_examples: examples held out of the training split for the search.
        attack_examples: stratified part of the validation split that every trial is attacked on.
        flip, shift_pixels: random mirroring and largest random move in training, for images.
        keywords: words that are classes of their own, for recordings; none stands for the data set's own ten.
        shift_frames: largest random move in time in training, in frames of 20 ms, for recordings.
        waveform_epsilon: largest L-inf radius, in steps of 16 bits, of the single-step attack on the recordings that
            every training, the parent's too, makes its features of; 0 trains on features as they are.
    """

    name: str | None = None
    loader: str | None = None
    validation_examples: Count = 5000
    attack_examples: Count = 256
    flip: bool = False
    shift_pixels: Annotated[Integer, Field(ge=0)] = 0
    keywords: Words = ()
    shift_frames: Annotated[Integer, Field(ge=0)] = 0
    waveform_epsilon: Annotated[Integer, Field(ge=0, le=32767)] = 0

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.loader is None):
            raise ValueError("give either name (a data set of the service) or loader ('module:function')")
        if self.attack_examples > self.validation_examples:
            raise ValueError(
                f"attack_examples must not exceed validation_examples = {self.validation_examples}; "
                f"got {self.attack_examples}"
            )
        return self


class RobustnessSpec(Section):
    """The L-inf radii at which candidates are attacked, in input units, and how hard.

    Attributes:
        epsilons: the grid; `robust_accuracy` is the mean of the worst-case accuracy over it.
        pgd_steps: gradient steps of PGD at each radius.
    """

    epsilons: Epsilons
    pgd_steps: Count = 10

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.epsilons) != sorted(self.epsilons):
            raise ValueError(f"epsilons must ascend; got {list(self.epsilons)}")
        return self


class BudgetSpec(Section):
    """How much is spent: trials that are trained, baselines included.

    Attributes:
        trials: trials that are trained, the two baselines included.
    """

    trials: Annotated[Integer, Field(ge=2)] = 40


def _constraint(value: Any) -> Any:
    try:
        return str(Constraint.parse(value)) if isinstance(value, str) else value
    except SpecError as error:
        raise ValueError(str(error).rstrip(".")) from None


class ObjectiveSpec(Section):
    """One objective and the value that is worth nothing (a coordinate of the hypervolume's reference point).

    Attributes:
        name: the metric.
        reference: the value that is worth nothing, in the metric's unit.
    """

    name: str
    reference: Number

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            Objective(name=self.name, reference=self.reference)
        except SpecError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return self


class StudySpec(Section):
    """Everything that defines a study; two runs with equal specs, data and versions are the same study.

    A target is given by name or file and stored with its content: what the study meant does not change with the file.

    Attributes:
        name: what commands call the study; without it, the file's name.
        seed: seed of everything random.
        data: which data, and how it is split.
        topology: which network family.
        layers: what each layer may choose.
        training: how a candidate is trained.
        parent: the float network that candidates start from.
        robustness: how candidates are attacked.
        objectives: what is optimized, at least two metrics.
        constraints: bounds such as "size_bytes <= 40000"; a trial that breaks one is infeasible.
        early_stopping: whether trainings that fall behind are stopped.
        warm_start: what is known before the first trial.
        target: the device that exports are for, a preset or a TOML file; narrows choices and sets limits.
        budget: how much is spent.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
    seed: Annotated[Integer, Field(ge=0, lt=2**31)] = 0
    data: DataSpec
    topology: TopologySpec
    layers: LayerChoices = LayerChoices()
    training: TrainingSpec = TrainingSpec()
    parent: ParentSpec = ParentSpec()
    robustness: RobustnessSpec
    objectives: Annotated[tuple[ObjectiveSpec, ...], Field(min_length=2)]
    constraints: tuple[Annotated[str, BeforeValidator(_constraint)], ...] = ()
    early_stopping: EarlyStoppingSpec = EarlyStoppingSpec()
    warm_start: WarmStartSpec = WarmStartSpec()
    target: Annotated[Target | None, BeforeValidator(read_target)] = None
    budget: BudgetSpec = BudgetSpec()

    @model_validator(mode="before")
    @classmethod
    def _rungs_attack_no_more_than_there_are(cls, values: Any) -> Any:
        """Lower the default of `early_stopping.attack_examples` where the attack subset has fewer."""
        if not isinstance(values, dict):
            return values
        data, stopping = values.get("data"), values.get("early_stopping", {})
        if not isinstance(data, dict) or not isinstance(stopping, dict) or "attack_examples" in stopping:
            return values
        there = data.get("attack_examples")
        if not isinstance(there, int) or not 0 < there < EarlyStoppingSpec().attack_examples:
            return values
        return {**values, "early_stopping": {**stopping, "attack_examples": there}}

    @model_validator(mode="after")
    def _distinct_objectives(self) -> Self:
        names = [objective.name for objective in self.objectives]
        if len(set(names)) != len(names):
            raise ValueError(f"objectives must be distinct; got {names}")
        return self

    @model_validator(mode="after")
    def _parent_is_used(self) -> Self:
        if self.parent.file is not None and self.training.start == "scratch":
            raise ValueError(
                f"parent.file = {self.parent.file!r} would be ignored, because training.start = 'scratch' begins with "
                "random weights; leave parent.file out or set training.start = 'parent'"
            )
        return self

    @model_validator(mode="after")
    def _parent_file_is_of_one_topology(self) -> Self:
        for name, offered in self.topology.choices().items():
            if self.parent.file is not None and len(offered) > 1:
                raise ValueError(
                    f"parent.file = {self.parent.file!r} holds the weights of one topology, but topology.{name} = "
                    f"{list(offered)} offers {len(offered)}; in a study file, set topology.{name} to the one that the "
                    "file has, or leave parent.file out and every topology gets a parent that is trained here"
                )
        return self

    @model_validator(mode="after")
    def _warm_start_has_a_source(self) -> Self:
        warm = self.warm_start
        if self.training.start == "scratch" and (warm.priors or warm.inherit):
            raise ValueError(
                f"warm_start.priors = {warm.priors} and warm_start.inherit = {str(warm.inherit).lower()} rest on a "
                "float parent, which training.start = 'scratch' does without; set them to 0 and false or start from "
                "the parent"
            )
        if warm.study == self.name:
            raise ValueError(f"warm_start.study must be another study; {warm.study!r} is this one's own name")
        return self

    @model_validator(mode="after")
    def _rungs_fit(self) -> Self:
        stopping, epochs = self.early_stopping, self.training.epochs
        if stopping.mode == "off":
            return self
        if not self.rungs():
            raise ValueError(
                f"early_stopping.mode = {stopping.mode!r} leaves no rung: training.epochs = {epochs} and "
                f"early_stopping.first_fraction = {stopping.first_fraction:g} put the first one at the training's end; "
                "train longer, lower the fraction or set the mode to 'off'"
            )
        if stopping.attack_examples > self.data.attack_examples:
            raise ValueError(
                f"early_stopping.attack_examples must not exceed data.attack_examples = {self.data.attack_examples}, "
                f"of which they are a part; got {stopping.attack_examples}"
            )
        return self

    def rungs(self) -> tuple[int, ...]:
        """Return the epochs at which trials are compared, ascending; none where early stopping is off."""
        stopping = self.early_stopping
        if stopping.mode == "off":
            return ()
        return rung_epochs(self.training.epochs, eta=stopping.eta, first_fraction=stopping.first_fraction)

    def objective_values(self) -> tuple[Objective, ...]:
        """Return the objectives as values of the objective space."""
        return tuple(Objective(name=item.name, reference=item.reference) for item in self.objectives)

    def constraint_values(self) -> tuple[Constraint, ...]:
        """Return the constraints as values of the objective space, with the memories of the target."""
        own = tuple(Constraint.parse(text) for text in self.constraints)
        return own if self.target is None else own + self.target.constraints()

    def identity(self) -> dict[str, Any]:
        """Return what makes the study what it is: the specification without its name and its trial budget.

        The budget may grow between two runs of one study; everything else must stay. Early stopping, warm starts and
        settings of a training that are off, a target that is not named, and what is for recordings alone and not given
        leave no trace, so a study that was stored before there were any is still the same.
        """
        unused = {"early_stopping"} if self.early_stopping.mode == "off" else set()
        unused |= {"warm_start"} if self.warm_start.is_off else set()
        unused |= {"target"} if self.target is None else set()
        content = self.model_dump(mode="json", exclude={"name", "budget"} | unused)
        content["data"] = {key: value for key, value in content["data"].items() if value or key not in _FOR_RECORDINGS}
        return content | {"training": self.training.identity(), "parent": self.parent.identity()}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of `identity` as canonical JSON."""
        canonical = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
