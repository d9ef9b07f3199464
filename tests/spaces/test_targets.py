"""Targets: the presets, a user's file, and what a study makes of them."""

from pathlib import Path

import pytest

from spaces.errors import SpecError
from spaces.layer_policy import ACTIVATION_BITS, WEIGHT_BITS, LayerKind
from spaces.spec_files import load_spec, parse_spec
from spaces.target_names import target_names
from spaces.targets import load_target
from tests.spaces.builders import make_spec, spec_content

OWN = """
description = "Ours."
flash_bytes = 4096
operations = ["relu"]
[layers.dense]
weight_bits = 8
activation_bits = [4, 8]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "ours.toml"
    path.write_text(OWN)
    return path


def test_presets_are_all_valid() -> None:
    assert target_names() == ["cortex-m0plus", "cortex-m4", "generic", "x-cube-ai"]
    for name in target_names():
        assert load_target(name).name == name


def test_generic_takes_everything_without_limits() -> None:
    generic = load_target("generic")
    assert set(generic.layers) == set(LayerKind)
    for limits in generic.layers.values():
        assert (limits.weight_bits, limits.activation_bits) == (WEIGHT_BITS, ACTIVATION_BITS)
    assert generic.constraints() == ()


def test_memories_become_constraints() -> None:
    constraints = [str(constraint) for constraint in load_target("cortex-m0plus").constraints()]
    assert constraints == ["size_bytes <= 147456", "ram_bytes <= 15360"]


def test_x_cube_ai_takes_one_and_eight_bits_and_says_where_that_is_written() -> None:
    target = load_target("x-cube-ai")
    assert target.layers[LayerKind.CONV2D].weight_bits == (1, 8)
    assert any("wiki.st.com" in source for source in target.sources)


def test_a_file_without_a_name_is_named_after_itself(own: Path) -> None:
    target = load_target(str(own))
    assert (target.name, target.flash_bytes, target.ram_bytes) == ("ours", 4096, None)
    assert target.layers[LayerKind.DENSE].weight_bits == (8,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("weight_bits = 8", "weight_bits = 7", r"layers\.dense\.weight_bits: bits must be among"),
        ("[layers.dense]", "[layers.lstm]", r"layers\.lstm"),
        ("flash_bytes = 4096", "flash_bytes = 0", r"flash_bytes = 0"),
        ("description", "colour", r"colour: unknown key"),
        ("[layers.dense]", "[layers.dense", r"not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_value(own: Path, old: str, new: str, said: str) -> None:
    own.write_text(OWN.replace(old, new))
    with pytest.raises(SpecError, match=rf"ours\.toml: .*{said}"):
        load_target(str(own))


@pytest.mark.parametrize("name", ["toaster", "missing.toml"])
def test_an_unknown_target_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(SpecError, match=f"unknown target '{name}'; presets: cortex-m0plus, cortex-m4, generic"):
        load_target(name)


def test_a_study_takes_the_limits_of_its_target_as_constraints() -> None:
    spec = make_spec(target="cortex-m4", constraints=["clean_accuracy >= 0.5"])
    assert [str(item) for item in spec.constraint_values()] == [
        "clean_accuracy >= 0.5",
        "size_bytes <= 393216",
        "ram_bytes <= 98304",
    ]


def test_a_study_keeps_its_target_when_the_file_is_gone(own: Path) -> None:
    spec = make_spec(target=str(own))
    own.unlink()
    again = parse_spec(spec.model_dump(mode="json"), source="stored")
    assert again.target == spec.target
    assert again.fingerprint == spec.fingerprint


def test_a_target_is_part_of_a_study_and_none_leaves_no_trace() -> None:
    assert make_spec(target="cortex-m4").fingerprint != make_spec().fingerprint
    assert "target" not in make_spec().identity()


def test_an_unknown_target_in_a_study_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="target: unknown target 'toaster'"):
        parse_spec(spec_content(target="toaster"), source="study.toml")
    assert load_spec("digits", overrides={"target": "generic"}).target == load_target("generic")
