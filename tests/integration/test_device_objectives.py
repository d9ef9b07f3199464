"""A study for a device: its cost is an objective, its target narrows the choices and limits the memory."""

import pytest

from search.bootstrap import open_memory
from spaces.search_space import BASELINE_NUMBERS
from spaces.spec_files import parse_spec
from tests.integration.tiny import TRIALS, run_search, write_tiny

pytestmark = pytest.mark.slow

DEVICE = """
description = "A device for tests."
flash_bytes = 1500
[layers.conv2d]
weight_bits = [2, 4]
activation_bits = [8]
[layers.dense]
weight_bits = [8]
activation_bits = [8]
"""
OBJECTIVES = """    { name = "ram_bytes", reference = 5000 },
    { name = "bops", reference = 1e8 },
"""
CHANGES = {
    '    { name = "size_bytes", reference = 12000 },\n': OBJECTIVES,
    "seed = 3": 'seed = 3\ntarget = "device.toml"',
    "width = [0.25]": "width = [0.25, 0.5]",
    f"trials = {TRIALS}": "trials = 3",
}


def test_cost_is_an_objective_and_the_target_narrows_and_limits_the_study(tmp_path):
    (tmp_path / "device.toml").write_text(DEVICE)
    write_tiny(tmp_path, CHANGES)
    launched = run_search("launch", "--study", "tiny.toml", folder=tmp_path)
    assert launched.returncode == 0, launched.stderr
    repository = open_memory(str(tmp_path / "studies.db")).repository
    study = repository.get_study("tiny")
    for trial in repository.trials(study.id):
        policies = trial.candidate.policies
        assert policies["dense"].weight_bits == 8
        assert {policy.weight_bits for name, policy in policies.items() if name != "dense"} <= {2, 4}
        if trial.measurement is not None:
            assert min(trial.measurement.ram_bytes, trial.measurement.bops) > 0
            # The baselines are trained whatever they cost; nothing else that the flash cannot hold is.
            fits = trial.measurement.size_bytes <= 1500
            assert fits or (trial.number in BASELINE_NUMBERS and max(trial.violations) > 0)
    assert all(member.measurement.size_bytes <= 1500 for member in repository.front(study.id))
    (tmp_path / "device.toml").unlink()  # the study has its content
    shown = run_search("status", "--study", "tiny", "--json", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    names = [objective.name for objective in parse_spec(study.spec, source="stored").objective_values()]
    assert names == ["clean_accuracy", "robust_accuracy", "ram_bytes", "bops"]


def test_a_target_that_leaves_no_choice_ends_the_launch_before_any_training(tmp_path):
    (tmp_path / "device.toml").write_text(DEVICE.replace("[2, 4]", "[1]"))
    write_tiny(tmp_path, CHANGES)
    launched = run_search("launch", "--study", "tiny.toml", folder=tmp_path)
    assert (launched.returncode, launched.stderr.count("\n")) == (2, 1)
    assert "layer 'conv0' has no weight_bits left: the study chooses from [2, 4, 8]" in launched.stderr
    assert not (tmp_path / "studies.db").exists()
