"""ResNet-8 exactly as the MLCommons/Tiny image classification reference, with logits instead of softmax.

Source: github.com/mlcommons/tiny, benchmark/training/image_classification/keras_model.py; 78,666 parameters at width 1.
"""

from search.models.topology import Add, GlobalAveragePool, Rescale, Shape, Topology
from search.models.topology_builder import TopologyBuilder


def build(*, input_shape: Shape, n_classes: int, width: float) -> Topology:
    """Return ResNet-8; `width` multiplies its 16, 32 and 64 filters. Inputs in [0, 1] are rescaled to 0..255 inside."""
    builder = TopologyBuilder("resnet8", input_shape)
    filters = [max(1, round(base * width)) for base in (16, 32, 64)]
    x = builder.add(Rescale(name="rescale", inputs=(builder.input,), factor=255.0))
    x = builder.norm_relu(builder.conv(x, "conv0", filters=filters[0], kernel_size=(3, 3)))
    for index, n_filters in enumerate(filters, start=1):
        x = _block(builder, x, f"block{index}", n_filters, stride=1 if index == 1 else 2)
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=n_classes)
    return builder.build()


def _block(builder: TopologyBuilder, source: str, name: str, filters: int, *, stride: int) -> str:
    strides = (stride, stride)
    x = builder.conv(source, f"{name}_conv1", filters=filters, kernel_size=(3, 3), strides=strides)
    x = builder.conv(builder.norm_relu(x), f"{name}_conv2", filters=filters, kernel_size=(3, 3))
    x = builder.norm(x)
    shortcut = source
    if stride != 1:
        shortcut = builder.conv(source, f"{name}_shortcut", filters=filters, kernel_size=(1, 1), strides=strides)
    return builder.relu(builder.add(Add(name=f"{name}_add", inputs=(x, shortcut))))
