"""Topologies made from a specification: checked against the data, and with one search space at every width."""

from collections.abc import Callable

import pytest

from search.models import topologies
from search.models.topologies import make_all_topologies, make_topology
from search.models.topology import Shape, Topology
from search.models.topology_builder import TopologyBuilder
from spaces.errors import SpecError
from spaces.study_spec import TopologySpec
from tests.search.models.builders import residual_topology

SPEC = TopologySpec(builder="mine:build", width=(0.5, 1.0))


@pytest.fixture
def use_builder(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., object]], None]:
    """Return a function that puts another in the place of the user's builder."""

    def use(build: Callable[..., object]) -> None:
        monkeypatch.setattr(topologies, "import_function", lambda *_, **__: build)

    return use


def build_dense(
    *, input_shape: Shape, n_classes: int, width: float, hidden: int = 0, has_relu: bool = True
) -> Topology:
    builder = TopologyBuilder("dense", input_shape)
    x = builder.input
    for index in range(hidden):
        x = builder.dense(x, f"hidden{index}", units=round(8 * width))
        x = builder.relu(x) if has_relu else x
    builder.dense(x, "logits", units=n_classes)
    return builder.build()


def test_what_is_no_topology_is_refused(use_builder):
    use_builder(lambda **_: "network")
    with pytest.raises(SpecError, match=r"^topology\.builder = 'mine:build' must return a .*Topology; got str\.$"):
        make_topology(SPEC, input_shape=(6, 6, 2), n_classes=3, choices={"width": 1.0})


def test_topology_for_another_number_of_classes_is_refused(use_builder):
    use_builder(lambda **given: residual_topology(input_shape=given["input_shape"], n_classes=10))
    with pytest.raises(
        SpecError, match=r"'mine:build': topology 'residual' gives 10 logits, but the data have 3 classes\. .*units\.$"
    ):
        make_topology(SPEC, input_shape=(6, 6, 2), n_classes=3, choices={"width": 1.0})


def test_topology_for_another_input_is_refused(use_builder):
    use_builder(lambda **given: residual_topology(n_classes=given["n_classes"]))
    with pytest.raises(SpecError, match=r"takes inputs of shape \(6, 6, 2\), but those of the data have \(8, 8, 1\)\."):
        make_topology(SPEC, input_shape=(8, 8, 1), n_classes=3, choices={"width": 1.0})


def test_unknown_family_lists_the_known_ones():
    with pytest.raises(
        SpecError, match=r"topology\.name = 'vgg': no such topology; known: resnet8, digits_cnn, dscnn\.$"
    ):
        make_topology(TopologySpec(name="vgg"), input_shape=(6, 6, 2), n_classes=3, choices={"width": 1.0})


def test_every_width_gives_a_topology_in_the_order_of_the_specification():
    spec = TopologySpec(name="digits_cnn", width=(1.0, 0.25, 0.5))
    made = make_all_topologies(spec, input_shape=(8, 8, 1), n_classes=10)
    assert [topology.shapes["conv0"][-1] for topology in made] == [16, 4, 8]
    assert len({topology.slots for topology in made}) == 1


def test_width_that_adds_a_layer_is_refused(use_builder):
    use_builder(lambda **given: build_dense(**given, hidden=1 if given["width"] < 1 else 2))
    with pytest.raises(
        SpecError,
        match=r"'mine:build': every width must give the same layers, .*; width = 0\.5 has 'logits' with no Relu and a "
        r"Jacobian term of its own where width = 1 has 'hidden1' with a Relu and",
    ):
        make_all_topologies(SPEC, input_shape=(4,), n_classes=3)


def test_width_that_takes_an_activation_away_is_refused(use_builder):
    use_builder(lambda **given: build_dense(**given, hidden=1, has_relu=given["width"] < 1))
    with pytest.raises(
        SpecError, match=r"0\.5 has 'hidden0' with a Relu .* where width = 1 has 'hidden0' with no Relu"
    ):
        make_all_topologies(SPEC, input_shape=(4,), n_classes=3)
