"""What a comparison with a reference model consists of: rows, how each stands under attacks, size classes."""

from dataclasses import dataclass

from dashboards.fired_checks import FiredCheck
from dashboards.labels import fired_lines, marked, star
from spaces.audit import CleanCount, Comparison
from spaces.norms import Norm

_QUARTER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedView:
    """How a model stands under one attack, or under the worst of some, in one norm.

    Attributes:
        name: of the attack; else "all attacks", "white box" or "black box".
        epsilons: radii, in the norm's units.
        n_examples: to which the accuracies refer; slow attacks run on a part of the audit's examples.
        accuracy: at each radius.
        intervals: 95% Wilson intervals of `accuracy`.
        comparisons: with the reference, which is the second of each, radius by radius; empty for the reference itself.
        gain_interval: 95% interval of `mean_gain`, paired by example; None for the reference and for one attack.
        counts_earlier: of one attack: whether it was run on what earlier ones have left, whose successes count too.
    """

    name: str
    norm: Norm
    epsilons: tuple[float, ...]
    n_examples: int
    accuracy: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    comparisons: tuple[Comparison, ...]
    gain_interval: tuple[float, float] | None
    counts_earlier: bool = False

    @property
    def stars(self) -> tuple[str, ...]:
        """At each radius a star where the reference differs significantly, else nothing."""
        return tuple(map(star, self.comparisons)) or ("",) * len(self.accuracy)

    @property
    def mean(self) -> float:
        """Mean accuracy over the radii."""
        return sum(self.accuracy) / len(self.accuracy)

    @property
    def mean_gain(self) -> float | None:
        """By how much `mean` is above the reference's; None for the reference itself."""
        gains = [item.accuracies[0] - item.accuracies[1] for item in self.comparisons]
        return sum(gains) / len(gains) if gains else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """One row of the table.

    Attributes:
        label: the trial's number behind #, or the reference's name.
        number: of the trial; None for the reference.
        fired: checks that fired: of a trial in the search or in any of its audits that count, of a reference in the
            audit that is compared.
        is_checked: whether the audit's checks are computed; an audit that was interrupted before them has none.
        clean_interval: 95% Wilson interval of `clean_accuracy`, which is that of the attacked test examples.
        clean_comparison: of the clean predictions of the attacked test examples with the reference's; None for itself.
        whole_test: clean predictions on the whole test split; None where a version before did not count them.
        views: one for each of "all attacks", "white box" and "black box", in L-inf.
        attacks: each L-inf attack that was run, in its order.
        beyond: the worst case of all attacks in each other norm that was attacked in.
    """

    label: str
    number: int | None
    fired: tuple[FiredCheck, ...]
    is_checked: bool
    size_bytes: int
    clean_accuracy: float
    clean_interval: tuple[float, float]
    clean_comparison: Comparison | None
    whole_test: CleanCount | None
    views: tuple[AttackedView, ...]
    attacks: tuple[AttackedView, ...]
    beyond: tuple[AttackedView, ...]

    @property
    def is_suspect(self) -> bool:
        """Whether the figures may be too good, or nobody has looked."""
        return bool(self.fired) or not self.is_checked

    @property
    def marked_label(self) -> str:
        """The label, with a question mark behind it where the figures are in doubt."""
        return marked(self.label, is_suspect=self.is_suspect)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the question mark stands for, in words; empty where there is none."""
        return fired_lines(self.fired) + (() if self.is_checked else ("the audit's checks are not computed yet",))

    def view(self, name: str) -> AttackedView:
        """Return a view by its name."""
        return next(view for view in self.views if view.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceComparisonInfo:
    """What the comparison with a reference shows.

    Attributes:
        reference: the row of the reference itself.
        title: of the reference.
        epsilons: L-inf radii, which all audits share.
        n_examples: test examples, the same for every row.
        is_quick: whether the audits did about a tenth of the work.
        models: audited trials of the front, robust ones first.
        left_out: trials of the front without a finished audit of the reference's examples, radii and attacks.
    """

    reference: ComparedModel
    title: str
    epsilons: tuple[float, ...]
    n_examples: int
    is_quick: bool
    models: tuple[ComparedModel, ...]
    left_out: tuple[int, ...]

    @property
    def rows(self) -> tuple[ComparedModel, ...]:
        """The reference, and the models behind it."""
        return (self.reference, *self.models)

    @property
    def as_large(self) -> tuple[ComparedModel, ...]:
        """The models that are at most as large as the reference."""
        return self._at_most(self.reference.size_bytes)

    @property
    def a_quarter(self) -> tuple[ComparedModel, ...]:
        """The models that are at most a quarter of the reference's size."""
        return self._at_most(self.reference.size_bytes // _QUARTER)

    def _at_most(self, size_bytes: int) -> tuple[ComparedModel, ...]:
        return tuple(model for model in self.models if model.size_bytes <= size_bytes)
