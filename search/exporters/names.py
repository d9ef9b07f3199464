"""The names of the formats, for whoever offers them without loading what writes them; no TensorFlow here."""

FORMATS: dict[str, str] = {
    "keras": "QKeras .h5 with its configuration, for X-CUBE-AI and QKeras",
    "tflite": "TensorFlow Lite, full int8, for LiteRT and TensorFlow Lite Micro",
    "c": "C99 without dependencies, weights packed at their own widths",
    "qonnx": "ONNX with Quant nodes, for FINN and other QONNX tools",
    "hls4ml": "an hls4ml project, for FPGAs",
}
