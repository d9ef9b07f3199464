"""ResNet-8 as the published reference has it, what the service reads off a topology, and which ones it refuses."""

import pytest

from search.models.topologies import dscnn, resnet8
from search.models.topology import (
    Add,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Node,
    Rescale,
)
from search.models.topology_builder import TopologyBuilder
from spaces.errors import SpecError
from tests.search.models.builders import flat_topology, residual_topology


def finish(builder: TopologyBuilder, source: str) -> None:
    """Append what every topology ends with: pooling and three logits."""
    builder.dense(builder.add(GlobalAveragePool(name="pool", inputs=(source,))), "dense", units=3)


def test_resnet8_is_the_published_one() -> None:
    topology = resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0)
    assert topology.n_parameters == 78_666  # github.com/mlcommons/tiny, keras_model.py, model.summary()
    assert [layer.name for layer in topology.layers] == [
        "conv0",
        "block1_conv1",
        "block1_conv2",
        "block2_conv1",
        "block2_conv2",
        "block2_shortcut",
        "block3_conv1",
        "block3_conv2",
        "block3_shortcut",
        "dense",
    ]
    assert topology.shapes["block3_add_relu"] == (8, 8, 64)


def test_resnet8_has_eight_taps_and_shortcuts_share_theirs() -> None:
    topology = resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0)
    assert topology.taps == {
        "conv0": "input",
        "block1_conv1": "conv0_norm_relu",
        "block1_conv2": "block1_conv1_norm_relu",
        "block2_conv1": "block1_add_relu",
        "block2_conv2": "block2_conv1_norm_relu",
        "block2_shortcut": "block1_add_relu",
        "block3_conv1": "block2_add_relu",
        "block3_conv2": "block3_conv1_norm_relu",
        "block3_shortcut": "block2_add_relu",
        "dense": "pool",
    }
    assert len(topology.tap_owner) == 8
    assert [slot.name for slot in topology.slots if not slot.has_jacobian_term] == [
        "block2_shortcut",
        "block3_shortcut",
    ]
    assert [slot.name for slot in topology.slots if not slot.has_activation] == [
        "block2_shortcut",
        "block3_shortcut",
        "dense",
    ]


def test_small_topologies_counted_by_hand() -> None:
    # conv0 72 + 4, depthwise 36 + 4, conv1 180 + 5, conv2 225 + 5, shortcut 20 + 5, dense 15 + 3; norms 4 * (4+4+5+5).
    assert residual_topology().n_parameters == 76 + 40 + 185 + 230 + 25 + 18 + 72
    # Unpadded 3x2 windows with strides 2x1 on 5x4: 2 x 3 positions of 3 channels.
    assert flat_topology().shapes["flatten"] == (18,)
    assert flat_topology().activation_owner == {"conv_relu": "conv", "hidden_relu": "hidden"}


def test_normalization_that_follows_no_layer_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    x = builder.relu(builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3)))
    finish(builder, builder.norm(x))
    with pytest.raises(
        SpecError, match=r"^topology 'mine', node 'conv_relu_norm': reads 'conv_relu' of type Relu, but"
    ):
        builder.build()


@pytest.mark.parametrize("is_twice_normalized", [True, False])
def test_normalized_layer_that_another_node_reads_is_refused(is_twice_normalized: bool) -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    conv = builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3))
    main = builder.norm(conv)
    other = builder.add(BatchNorm(name="other", inputs=(conv,))) if is_twice_normalized else conv
    finish(builder, builder.add(Add(name="add", inputs=(main, other))))
    reader = "other" if is_twice_normalized else "add"
    with pytest.raises(
        SpecError,
        match=rf"'conv_norm': is folded into the layer 'conv', which \['{reader}'\] read too, .*'conv_norm'\.$",
    ):
        builder.build()


def test_dead_branch_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    x = builder.norm_relu(builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3)))
    builder.norm_relu(builder.conv(x, "side", filters=4, kernel_size=(3, 3)))
    finish(builder, x)
    with pytest.raises(SpecError, match=r"'side_norm_relu': no node reads it, but every node except the last, 'dense'"):
        builder.build()


def test_last_node_that_gives_no_logits_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3))
    with pytest.raises(SpecError, match=r"^topology 'mine', node 'conv': the last node is of type Conv2D, but"):
        builder.build()


def test_dense_layer_on_an_image_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    builder.dense(builder.input, "dense", units=3)
    with pytest.raises(
        SpecError, match=r"'dense': reads 'input' of shape \(6, 6, 2\), but .* 1-D .*GlobalAveragePool or a Flatten"
    ):
        builder.build()


@pytest.mark.parametrize(
    "node",
    [
        Conv2D(name="image", inputs=("flatten",), filters=4, kernel_size=(3, 3)),
        DepthwiseConv2D(name="image", inputs=("flatten",), kernel_size=(3, 3)),
        GlobalAveragePool(name="image", inputs=("flatten",)),
    ],
)
def test_image_operation_on_features_is_refused(node: Node) -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    builder.add(Flatten(name="flatten", inputs=(builder.input,)))
    builder.dense(builder.add(node), "dense", units=3)
    with pytest.raises(
        SpecError, match=rf"'image': reads 'flatten' of shape \(72,\), but {type(node).__name__} needs a 3-D input"
    ):
        builder.build()


@pytest.mark.parametrize("n_inputs", [1, 3])
def test_addition_of_other_than_two_is_refused(n_inputs: int) -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    finish(builder, builder.add(Add(name="add", inputs=(builder.input,) * n_inputs)))
    with pytest.raises(SpecError, match=r"'add': reads \['input'.*\], but Add has exactly 2 inputs\."):
        builder.build()


def test_operation_with_two_inputs_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    finish(builder, builder.add(Rescale(name="rescale", inputs=("input", "input"), factor=2.0)))
    with pytest.raises(SpecError, match=r"'rescale': reads .* but Rescale has exactly 1 input\."):
        builder.build()


def test_addition_of_different_shapes_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    main = builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3))
    finish(builder, builder.add(Add(name="add", inputs=(main, builder.input))))
    with pytest.raises(
        SpecError, match=r"'add': reads 'conv' of shape \(6, 6, 4\) and 'input' of shape \(6, 6, 2\), but .* 1x1 conv"
    ):
        builder.build()


def test_activation_before_the_first_layer_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    finish(builder, builder.relu(builder.input))
    with pytest.raises(SpecError, match=r"^topology 'mine', node 'input_relu': no layer stands before this Relu"):
        builder.build()


def test_second_activation_of_a_layer_is_refused() -> None:
    builder = TopologyBuilder("mine", (6, 6, 2))
    x = builder.norm_relu(builder.conv(builder.input, "conv0", filters=4, kernel_size=(3, 3)))
    main = builder.norm(builder.conv(x, "conv1", filters=4, kernel_size=(3, 3)))
    finish(builder, builder.relu(builder.add(Add(name="add", inputs=(x, main)))))
    with pytest.raises(
        SpecError,
        match=r"'add_relu': has the activation bits of layer 'conv0', as 'conv0_norm_relu' has, .*first input",
    ):
        builder.build()


def test_dscnn_is_that_of_mlcommons_tiny():
    topology = dscnn.build(input_shape=(49, 10, 1), n_classes=12, width=1.0)
    assert topology.n_parameters == 24_908  # as Keras counts the reference model
    assert topology.shapes["conv0"] == topology.shapes["block4_pointwise"] == (25, 5, 64)
    assert [type(layer).__name__ for layer in topology.layers] == [
        "Conv2D",
        *["DepthwiseConv2D", "Conv2D"] * 4,
        "Dense",
    ]
