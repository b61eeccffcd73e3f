"""Kinds of operators, by their names: capitals are TFLite's, the others ONNX's."""

_MOVES = """
    RESHAPE TRANSPOSE CONCATENATION SLICE STRIDED_SLICE SPLIT SPLIT_V PACK UNPACK GATHER GATHER_ND EMBEDDING_LOOKUP PAD
    PADV2 MIRROR_PAD EXPAND_DIMS SQUEEZE SHAPE RANK FILL TILE BROADCAST_TO BROADCAST_ARGS CAST QUANTIZE DEQUANTIZE
    BITCAST SPACE_TO_DEPTH DEPTH_TO_SPACE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND REVERSE_V2 REVERSE_SEQUENCE SELECT
    SELECT_V2 WHERE RANGE ONE_HOT ZEROS_LIKE SCATTER_ND RESIZE_NEAREST_NEIGHBOR DYNAMIC_UPDATE_SLICE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE MATRIX_DIAG MATRIX_SET_DIAG SPARSE_TO_DENSE
    Cast CastLike Compress Concat Constant ConstantOfShape DepthToSpace DequantizeLinear Dropout DynamicQuantizeLinear
    Expand EyeLike Flatten Gather GatherElements GatherND Identity NonZero OneHot Pad QuantizeLinear Range Reshape
    ReverseSequence ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose Trilu
    Unsqueeze Where com.microsoft.DequantizeLinear com.microsoft.GatherBlockQuantized com.microsoft.QuantizeLinear
"""
MOVES = frozenset(_MOVES.split())
"""Operators that move, choose or convert values and compute none."""

_ELEMENTWISE = """
    ADD SUB MUL DIV FLOOR_DIV FLOOR_MOD POW MAXIMUM MINIMUM SQUARED_DIFFERENCE ABS NEG EXP LOG SQRT RSQRT SQUARE SIN
    COS TANH LOGISTIC RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 LEAKY_RELU ELU PRELU HARD_SWISH GELU FLOOR CEIL ROUND SIGN
    ATAN2 EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR LOGICAL_NOT BITWISE_XOR
    RIGHT_SHIFT
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu Clip Cos
    Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less
    LessOrEqual Log Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus
    Softsign Sqrt Sub Swish Tan Tanh ThresholdedRelu Xor com.microsoft.BiasGelu com.microsoft.FastGelu
    com.microsoft.Gelu com.microsoft.QLinearAdd com.microsoft.QLinearLeakyRelu com.microsoft.QLinearMul
    com.microsoft.QLinearSigmoid com.microsoft.QuickGelu
"""
ELEMENTWISE = frozenset(_ELEMENTWISE.split())
"""Operators with one step for every element of their output."""

_REDUCTIONS = """
    MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ANY REDUCE_ALL ARG_MAX ARG_MIN CUMSUM
    ArgMax ArgMin CumSum GlobalAveragePool GlobalMaxPool ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare
"""
REDUCTIONS = frozenset(_REDUCTIONS.split())
"""Operators with one step for every element of their first input."""

_CONTROL_FLOW = "IF WHILE CALL CALL_ONCE STABLEHLO_CASE STABLEHLO_WHILE STABLEHLO_COMPOSITE If Loop Scan"
CONTROL_FLOW = frozenset(_CONTROL_FLOW.split())
"""Operators that run another graph, perhaps often, perhaps not at all."""
