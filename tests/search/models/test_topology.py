"""ResNet-8 as the published reference has it, and what the service reads off a topology."""

from search.models.topologies import resnet8
from tests.search.models.builders import flat_topology, residual_topology


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
