"""The audit of a model of recordings: what is attacked in the norms on recordings, and how far."""

from pathlib import Path

import numpy as np
import pytest

from search.attacks.audit_effort import QUICK
from search.attacks.audit_plan import AuditStep
from search.attacks.audit_suite import Target, run_step
from search.attacks.base import is_broken
from search.attacks.pgd import PGD
from search.attacks.waveform_plan import waveform_plan, waveform_radii
from search.audit_sound import waveform_targets
from search.data.dataset import Dataset
from search.data.speech_commands import read_speech_folder
from search.data.splits import split
from spaces.norms import INPUT_NORMS, WAVEFORM_NORMS, Norm
from tests.search.attacks.linear_model import LinearModel
from tests.search.data.speech_builders import SPEAKERS, write_speech_folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    lists = {"validation_list.txt": SPEAKERS[:2], "testing_list.txt": SPEAKERS[2:6]}
    folder: Path = write_speech_folder(tmp_path_factory.mktemp("data") / "s", lists=lists)
    return split(read_speech_folder(folder, ("down", "go")), validation_examples=6, attack_examples=4, seed=0)


@pytest.fixture(scope="module")
def targets(dataset: Dataset) -> dict[Norm, Target]:
    chosen = np.arange(len(dataset.test), dtype=np.int64)[::2]
    x = dataset.test.inputs(chosen)
    model = LinearModel(0.01 * np.random.default_rng(0).standard_normal((490, 4)))
    model.input_range = dataset.input_range
    y = model.logits(x).argmax(axis=1).astype(np.int64)
    radii = {Norm.LINF: (0.1,), Norm.L2: (1.0,), **waveform_radii()}
    target = Target(model=model, x=x, y=y, is_right=~is_broken(model.logits(x), y), epsilons=radii, seed=1)
    assert dataset.sound is not None
    return {Norm.LINF: target, **waveform_targets(target, dataset, dataset.sound, chosen)}


def test_radii_are_steps_of_sixteen_bits_and_ratios_in_decibels() -> None:
    radii = waveform_radii()
    assert radii[Norm.WAVEFORM] == (4.0, 16.0, 64.0, 256.0)
    assert radii[Norm.SNR] == pytest.approx((0.01, 0.0316228, 0.1), rel=1e-5)


def test_clean_recordings_are_predicted_as_their_features_are(targets: dict[Norm, Target]) -> None:
    expected = targets[Norm.LINF].model.logits(targets[Norm.LINF].x)
    np.testing.assert_array_equal(targets[Norm.WAVEFORM].model.logits(targets[Norm.WAVEFORM].x), expected)
    np.testing.assert_allclose(targets[Norm.SNR].model.logits(targets[Norm.SNR].x), expected, atol=0.05)


def test_recordings_of_the_ratio_have_length_one(targets: dict[Norm, Target]) -> None:
    lengths = np.linalg.norm(targets[Norm.SNR].x.astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-5)


def test_plan_attacks_recordings_in_both_norms_and_in_no_other() -> None:
    plan = waveform_plan(QUICK)
    names = ["pgd", "pgd-restarts", "apgd-ce", "apgd-twin", "noise"]
    assert [(step.norm, step.attack.name) for step in plan] == [
        (norm, name) for norm in WAVEFORM_NORMS for name in names
    ]
    assert not {step.norm for step in plan} & set(INPUT_NORMS)


@pytest.mark.parametrize("norm", WAVEFORM_NORMS)
def test_larger_changes_of_a_recording_break_more(targets: dict[Norm, Target], norm: Norm) -> None:
    outcome = run_step(AuditStep(attack=PGD(steps=5), norm=norm, work=1.0), targets[norm], [], position=0)
    assert (outcome.norm, outcome.epsilons) == (norm, waveform_radii()[norm])
    assert list(outcome.accuracy) == sorted(outcome.accuracy, reverse=True)
    assert outcome.accuracy[-1] < 1.0
