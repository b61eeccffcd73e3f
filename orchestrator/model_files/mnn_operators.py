"""Names of MNN's operators by their numbers in a file (`OpType` of its public schema, as of 3.6)."""

_FROM_0 = (
    "AbsVal", "QuantizedAdd", "ArgMax", "AsString", "InstanceNorm", "BatchToSpaceND", "Bias", "BinaryOp", "Bnll",
    "Cast", "Concat", "Const", "Convolution", "ConvolutionDepthwise", "Crop", "CropAndResize", "ImageProcess",
    "Deconvolution", "DeconvolutionDepthwise", "Dequantize", "DetectionOutput", "Dropout", "Eltwise", "ELU", "Unique",
    "Exp", "ExpandDims", "Fill", "Flatten", "FloorMod", "Gather", "GatherV2", "Im2Col", "InnerProduct", "Input",
    "Interp", "Log", "LRN", "LSTM", "MatMul", "MoE", "NonMaxSuppression", "NonMaxSuppressionV2", "Normalize", "Pack",
    "Padding", "Permute", "Pooling", "Power", "PReLU", "PriorBox", "Proposal", "QuantizedAvgPool", "QuantizedBiasAdd",
    "QuantizedConcat", "QuantizedDepthwiseConv2D", "QuantizedLogistic", "RasterAndInterpolate", "QuantizedMaxPool",
    "Texture", "RasterDiff", "QuantizedReshape", "QuantizedSoftmax", "QuantizeMaxMin", "QuantizeV2", "Range", "Rank",
    "ReduceJoin", "Reduction", "ReLU", "ReLU6", "RequantizationRange", "Requantize", "Reshape", "Resize", "RNN",
    "ROIPooling", "Scale", "Selu", "Seq2Out", "Shape", "Sigmoid", "Size", "Slice", "SliceTf", "Softmax",
    "SpaceToBatchND", "SpatialProduct", "Col2Im", "Segment", "Squeeze", "StridedSlice", "CastLike", "StringSplit",
    "StringToNumber", "TanH", "TfQuantizedConv2D", "Threshold", "Tile", "TopKV2", "Transpose", "UnaryOp", "Unpack",
    "Where", "Moments", "RNNSequenceGRU", "BatchMatMul", "Unsqueeze", "CosineSimilarity", "DepthToSpace",
    "SpaceToDepth", "ReverseSequence", "Pooling3D", "Convolution3D", "MatrixBandPart", "GatherND",
    "DetectionPostProcess", "UnravelIndex", "ScatterNd", "OneHot", "BroadcastTo", "Dilation2D",
)  # fmt: skip
_FROM_128 = (
    "Raster", "ConvertTensor", "ArgMin", "LinSpace", "RandomUniform", "TensorArray", "TensorArraySize",
    "TensorArrayRead", "TensorArrayWrite", "TensorArrayGather", "TensorArrayScatter", "TensorArraySplit",
    "TensorArrayConcat", "LSTMBlockCell", "Reverse",
)  # fmt: skip
NAMES = {
    **dict(enumerate(_FROM_0)),
    **dict(enumerate(_FROM_128, 128)),
    256: "Plugin", 257: "Select", 258: "ZerosLike", 512: "Extra", 513: "ConvInt8", 514: "Int8ToFloat",
    515: "DepthwiseConvInt8", 516: "PoolInt8", 517: "FloatToInt8", 518: "EltwiseInt8", 600: "While", 601: "If",
    603: "LayerNorm", 604: "GridSample",
}  # fmt: skip
