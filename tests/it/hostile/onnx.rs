//! Writes ONNX models for `digits`, without asking whether they make sense. Every function answers
//! with a field of the message around it; the numbers are those of `onnx-ml.proto`.

use crate::support::wire::{bytes, number};

pub const FLOAT: u64 = 1;
pub const INT64: u64 = 7;
pub const TEXT: u64 = 8;
pub const BOOL: u64 = 9;

/// A ModelProto around a graph's content.
pub fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    // The last version that StringConcat needs.
    let opset = bytes(8, number(2, 20));
    [number(1, 9), opset, bytes(7, graph.concat())].concat()
}

/// Content of a graph that scores ten classes, all alike.
pub fn classifier() -> Vec<Vec<u8>> {
    linear(["features", "scores"], 10)
}

/// The same, which adds to each score the largest number of a tensor that the given nodes make out of
/// `features`, or of the single number `one`.
pub fn classifier_with(parts: &[Vec<u8>], tensor: &str) -> Vec<Vec<u8>> {
    let mut graph = linear(["features", "plain"], 10);
    graph.pop();
    let alone = [attribute("keepdims", number(3, 0), 2)];
    graph.push(node("ReduceMax", &["features"], &["one"], &alone));
    graph.extend_from_slice(parts);
    graph.push(node("ReduceMax", &[tensor], &["largest"], &alone));
    graph.push(node("Add", &["plain", "largest"], &["scores"], &[]));
    graph.push(output("scores", FLOAT, &["N", "10"]));
    graph
}

/// A product with weights that are all 0.
pub fn linear([from, to]: [&str; 2], columns: u64) -> Vec<Vec<u8>> {
    let weights = vec![0; 64 * 4 * columns as usize];
    vec![
        input(from, FLOAT, &["N", "64"]),
        tensor(5, "weights", FLOAT, &[64, columns], &weights),
        node("MatMul", &[from, "weights"], &[to], &[]),
        output(to, FLOAT, &["N", &columns.to_string()]),
    ]
}

/// NodeProto
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    bytes(1, node_content(operator, inputs, outputs, attributes))
}

pub fn node_content(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let (domain, operator) = operator.rsplit_once("::").unwrap_or(("", operator));
    let mut content: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
    content.extend(outputs.iter().flat_map(|name| bytes(2, name)));
    content.extend([bytes(4, operator), bytes(7, domain)].concat());
    content.extend(attributes.concat());
    content
}

/// AttributeProto with its value and the number of that value's kind.
pub fn attribute(name: &str, value: Vec<u8>, kind: u64) -> Vec<u8> {
    bytes(5, [bytes(1, name), value, number(20, kind)].concat())
}

/// A graph as an attribute.
pub fn inner_graph(name: &str, content: &[Vec<u8>]) -> Vec<u8> {
    attribute(
        name,
        bytes(6, [bytes(2, name), content.concat()].concat()),
        5,
    )
}

/// TensorProto: 5 is the field of a graph's initializers and of an attribute's tensor.
pub fn tensor(field: u64, name: &str, kind: u64, lengths: &[u64], raw: &[u8]) -> Vec<u8> {
    let lengths: Vec<u8> = lengths
        .iter()
        .flat_map(|length| number(1, *length))
        .collect();
    bytes(
        field,
        [lengths, number(2, kind), bytes(8, name), bytes(9, raw)].concat(),
    )
}

/// An initializer with one list of whole numbers.
pub fn numbers(name: &str, list: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = list
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    tensor(5, name, INT64, &[list.len() as u64], &raw)
}

pub fn input(name: &str, kind: u64, shape: &[&str]) -> Vec<u8> {
    bytes(11, value_info(name, kind, shape))
}

pub fn output(name: &str, kind: u64, shape: &[&str]) -> Vec<u8> {
    bytes(12, value_info(name, kind, shape))
}

fn value_info(name: &str, kind: u64, shape: &[&str]) -> Vec<u8> {
    [bytes(1, name), value_type(kind, shape)].concat()
}

/// A value's TypeProto.
pub fn value_type(kind: u64, shape: &[&str]) -> Vec<u8> {
    let axes: Vec<u8> = (shape.iter())
        .flat_map(|axis| {
            let length = axis.parse().map(|length| number(1, length));
            bytes(1, length.unwrap_or_else(|_| bytes(2, axis)))
        })
        .collect();
    bytes(2, bytes(1, [number(1, kind), bytes(2, axes)].concat()))
}

/// FunctionProto from `x` to `y`.
pub fn function(name: &str, domain: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut content = [bytes(1, name), bytes(4, "x"), bytes(5, "y")].concat();
    content.extend(nodes.iter().flat_map(|node| bytes(7, node)));
    for (domain, version) in [("", 20), ("own", 1)] {
        content.extend(bytes(9, [bytes(1, domain), number(2, version)].concat()));
    }
    content.extend(bytes(10, domain));
    bytes(25, content)
}
