"""How hard the attacks and the checks of an audit try: the two settings that there are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Steps, queries, restarts and examples.

    Attributes:
        pgd_steps: of PGD, of each restart, and of the temperature check.
        further_restarts: of PGD beyond the first run.
        fmn_steps: of FMN.
        apgd_steps: of every APGD.
        ratio_targets, ce_targets: nearest classes that targeted APGD tries, on the ratio loss and on cross-entropy.
        transfer_steps: on each surrogate.
        local_queries: for an example, from where PGD ended.
        square_queries: for an example.
        nes: queries for an example, and steps that they are divided into.
        noise_draws: for an example and radius.
        gradient_examples, query_examples: subsets of the slow attacks.
        deepfool_steps, hopskipjump_steps, boundary_steps: of ART's attacks.
        carlini, zoo: steps, and searches for the weight of the objective.
        monotone_steps: of the PGD that is run at each radius by itself.
    """

    pgd_steps: int
    further_restarts: int
    fmn_steps: int
    apgd_steps: int
    ratio_targets: int
    ce_targets: int
    transfer_steps: int
    local_queries: int
    square_queries: int
    nes: tuple[int, int]
    noise_draws: int
    gradient_examples: int
    query_examples: int
    deepfool_steps: int
    carlini: tuple[int, int]
    hopskipjump_steps: int
    boundary_steps: int
    zoo: tuple[int, int]
    monotone_steps: int


FULL = Effort(
    pgd_steps=50,
    further_restarts=4,
    fmn_steps=100,
    apgd_steps=100,
    ratio_targets=4,
    ce_targets=3,
    transfer_steps=30,
    local_queries=1000,
    square_queries=5000,
    nes=(5000, 50),
    noise_draws=100,
    gradient_examples=100,
    query_examples=10,
    deepfool_steps=50,
    carlini=(50, 6),
    hopskipjump_steps=64,
    boundary_steps=400,
    zoo=(100, 2),
    monotone_steps=20,
)
QUICK = Effort(
    pgd_steps=25,
    further_restarts=1,
    fmn_steps=25,
    apgd_steps=25,
    ratio_targets=2,
    ce_targets=2,
    transfer_steps=10,
    local_queries=100,
    square_queries=500,
    nes=(500, 10),
    noise_draws=10,
    gradient_examples=20,
    query_examples=5,
    deepfool_steps=25,
    carlini=(25, 3),
    hopskipjump_steps=16,
    boundary_steps=100,
    zoo=(50, 2),
    monotone_steps=10,
)
