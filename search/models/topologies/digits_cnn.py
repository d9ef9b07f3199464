"""A small convolutional network for 8x8 digits: three convolutions and a dense layer."""

from search.models.topology import GlobalAveragePool, Shape, Topology
from search.models.topology_builder import TopologyBuilder


def build(*, input_shape: Shape, n_classes: int, width: float) -> Topology:
    """Return the network; `width` multiplies its 16, 24 and 32 filters."""
    builder = TopologyBuilder("digits_cnn", input_shape)
    filters = [max(1, round(base * width)) for base in (16, 24, 32)]
    x = builder.norm_relu(builder.conv(builder.input, "conv0", filters=filters[0], kernel_size=(3, 3)))
    x = builder.norm_relu(builder.conv(x, "conv1", filters=filters[1], kernel_size=(3, 3), strides=(2, 2)))
    x = builder.norm_relu(builder.conv(x, "conv2", filters=filters[2], kernel_size=(3, 3)))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=n_classes)
    return builder.build()
