"""DS-CNN exactly as the MLCommons/Tiny keyword spotting reference, with logits instead of softmax, without dropout.

Source: github.com/mlcommons/tiny, benchmark/training/keyword_spotting/keras_model.py (after Zhang et al. 2017,
arXiv 1711.07128); 24,908 parameters for 12 classes at width 1. Its average pool covers all 25 x 5 positions.
"""

from search.models.topology import GlobalAveragePool, Shape, Topology
from search.models.topology_builder import TopologyBuilder

_FILTERS = 64
_BLOCKS = 4


def build(*, input_shape: Shape, n_classes: int, width: float) -> Topology:
    """Return DS-CNN; `width` multiplies its 64 filters. Inputs are standardized features, not rescaled inside."""
    builder = TopologyBuilder("dscnn", input_shape)
    filters = max(1, round(_FILTERS * width))
    conv = builder.conv(builder.input, "conv0", filters=filters, kernel_size=(10, 4), strides=(2, 2))
    x = builder.norm_relu(conv)
    for index in range(1, _BLOCKS + 1):
        x = builder.norm_relu(builder.depthwise(x, f"block{index}_depthwise", kernel_size=(3, 3)))
        x = builder.norm_relu(builder.conv(x, f"block{index}_pointwise", filters=filters, kernel_size=(1, 1)))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=n_classes)
    return builder.build()
