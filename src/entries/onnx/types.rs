//! The names of ONNX's element types.

/// numpy's name, or `None` for a number that ONNX 1.23 does not know.
pub fn numpy_name(element_type: u64) -> Option<&'static str> {
    Some(match element_type {
        1 => "float32",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "float64",
        12 => "uint32",
        13 => "uint64",
        14 => "complex64",
        15 => "complex128",
        16 => "bfloat16",
        17 => "float8e4m3fn",
        18 => "float8e4m3fnuz",
        19 => "float8e5m2",
        20 => "float8e5m2fnuz",
        21 => "uint4",
        22 => "int4",
        23 => "float4e2m1",
        24 => "float8e8m0",
        25 => "uint2",
        26 => "int2",
        27 => "float6e2m3",
        28 => "float6e3m2",
        _ => return None,
    })
}

/// The name that ONNX and its runtime use within descriptions such as `seq(tensor(float))`.
pub fn onnx_name(element_type: u64) -> Option<&'static str> {
    match element_type {
        1 => Some("float"),
        11 => Some("double"),
        other => numpy_name(other),
    }
}
