use std::io::Cursor;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use wire::{bytes, number, varint};

#[path = "../../../tests/it/support/wire.rs"]
mod wire;

const ZIPMAP: &[u8] = include_bytes!("../testdata/zipmap.onnx");
const INT8: &[u8] = include_bytes!("../testdata/int8.onnx");
const WEIGHTS_AS_INPUTS: &[u8] = include_bytes!("../testdata/weights_as_inputs.onnx");
const BRANCH_AND_FUNCTION: &[u8] = include_bytes!("../testdata/branch_and_function.onnx");

fn check_bytes(bytes: &[u8]) -> Result<OnnxModel, Rejection> {
    check(Cursor::new(bytes), Bytes::new(bytes.len() as u64)).unwrap()
}

fn rejected(bytes: &[u8]) -> (&'static str, String) {
    let rejection = check_bytes(bytes).unwrap_err();
    (rejection.code.as_str(), rejection.message)
}

fn opset(domain: &str, version: u64) -> Vec<u8> {
    bytes(8, [bytes(1, domain), number(2, version)].concat())
}

/// A graph with one output and whatever else is given.
fn graph(content: &[Vec<u8>]) -> Vec<u8> {
    let output = bytes(12, bytes(1, "y"));
    [content.concat(), output].concat()
}

fn model_of(graph: &[u8], opset: &[u8]) -> Vec<u8> {
    [number(1, 8), bytes(7, graph), opset.to_vec()].concat()
}

fn node(operator: &str, domain: &str, attributes: &[u8]) -> Vec<u8> {
    let content = [bytes(4, operator), attributes.to_vec(), bytes(7, domain)];
    bytes(1, content.concat())
}

fn names(tensors: &[TensorSpec]) -> Vec<&str> {
    tensors.iter().map(|tensor| tensor.name.as_str()).collect()
}

#[test]
fn a_converted_classifier_is_read_with_its_dictionary_of_probabilities() {
    let model = check_bytes(ZIPMAP).unwrap();
    assert_eq!(model.producer, "skl2onnx 1.20.0");
    let [input] = model.inputs.as_slice() else {
        panic!("{:?}", model.inputs);
    };
    assert_eq!(input.dtype, "float32");
    assert_eq!(input.shape, [Dim::Free, Dim::Fixed(3)]);
    let outputs: Vec<(&str, &str)> = (model.outputs.iter())
        .map(|output| (output.name.as_str(), output.dtype.as_str()))
        .collect();
    assert_eq!(
        outputs,
        [
            ("output_label", "string"),
            ("output_probability", "seq(map(string,tensor(float)))")
        ]
    );
    assert_eq!(
        model.operators,
        [
            "Identity",
            "ai.onnx.ml::LinearClassifier",
            "ai.onnx.ml::ZipMap"
        ]
    );
    // Six coefficients and two intercepts.
    assert_eq!(model.parameter_count, 8);
    let stored = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<OnnxModel>(&stored).unwrap(), model);
    assert!(stored.contains(r#""shape":[null,3]"#), "{stored}");
}

#[test]
fn quantised_models_of_the_runtime_pass() {
    let model = check_bytes(INT8).unwrap();
    assert_eq!(names(&model.inputs), ["features"]);
    assert_eq!(model.inputs[0].shape[0], Dim::Named("N".to_owned()));
    assert!(model.operators.contains(&"MatMulInteger".to_owned()));
}

#[test]
fn initializers_that_are_listed_as_inputs_are_not_inputs() {
    let model = check_bytes(WEIGHTS_AS_INPUTS).unwrap();
    assert_eq!(names(&model.inputs), ["features"]);
    assert_eq!((model.ir_version, model.parameter_count), (3, 6));
    // The same where the inputs come first.
    let input = |name| bytes(11, bytes(1, name));
    let initializer = bytes(5, [number(1, 2), bytes(8, "w"), bytes(9, [0; 8])].concat());
    let graph = graph(&[input("x"), input("w"), initializer]);
    let model = check_bytes(&model_of(&graph, &opset("", 13))).unwrap();
    assert_eq!(names(&model.inputs), ["x"]);
}

#[test]
fn inner_graphs_and_the_models_own_functions_are_walked() {
    let model = check_bytes(BRANCH_AND_FUNCTION).unwrap();
    assert_eq!(
        model.operators,
        ["Add", "Constant", "If", "com.example.own::Twice"]
    );
    assert_eq!((model.node_count, model.parameter_count), (5, 4));
}

#[test]
fn models_that_cannot_run_here_are_refused_with_the_fix() {
    let relu = node("Relu", "", b"");
    let tensor = |content: &[Vec<u8>]| bytes(5, content.concat());
    let location = bytes(13, [bytes(1, "location"), bytes(2, "/etc/passwd")].concat());
    let inner = |tensor: &[u8]| {
        let attribute = bytes(5, bytes(6, graph(&[tensor.to_vec()])));
        node("If", "", &attribute)
    };
    for (graph, opset, code, part) in [
        (
            graph(&[node("Sharpen\n\u{202e}", "com.example", b"")]),
            opset("", 13),
            "onnx_custom_op",
            "the operator 'Sharpen' of the domain 'com.example'",
        ),
        (
            graph(&[node("Conv", "com.microsoft.nchwc", b"")]),
            opset("", 13),
            "onnx_custom_op",
            "ORT_ENABLE_EXTENDED",
        ),
        (
            graph(&[node("Relu", "ai.onnx\0", b"")]),
            opset("", 13),
            "onnx_custom_op",
            "the domain 'ai.onnx'",
        ),
        (
            graph(&[tensor(&[bytes(8, "w"), location.clone()])]),
            opset("", 13),
            "onnx_external_data",
            "The weights 'w' are in another file",
        ),
        (
            graph(&[tensor(&[bytes(8, "w"), number(14, 1)])]),
            opset("", 13),
            "onnx_external_data",
            "one file",
        ),
        (
            graph(&[inner(&tensor(&[location]))]),
            opset("", 13),
            "onnx_external_data",
            "one file",
        ),
        (
            graph(std::slice::from_ref(&relu)),
            opset("", 29),
            "onnx_unsupported",
            "version 29 of the operators ai.onnx; the runtime goes up to 28",
        ),
        (
            graph(&[tensor(&[number(1, 1 << 40), bytes(8, "w")])]),
            opset("", 13),
            "onnx_invalid",
            "1099511627776 elements",
        ),
        (
            graph(&[tensor(&[number(1, u64::MAX)])]),
            opset("", 13),
            "onnx_invalid",
            "negative length",
        ),
        (relu, opset("", 13), "onnx_invalid", "no output"),
        (graph(&[]), Vec::new(), "onnx_invalid", "opset"),
    ] {
        let (found, message) = rejected(&model_of(&graph, &opset));
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message} lacks {part}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let newer = [number(1, 15), bytes(7, graph(&[])), opset("", 13)].concat();
    assert_eq!(rejected(&newer).0, "onnx_unsupported");
}

#[test]
fn files_of_another_kind_are_named() {
    for (file, code, part) in [
        (&b""[..], "entry_empty", "empty"),
        (
            b"PK\x03\x04\x14\0\0\0\x08\0rest",
            "entry_kind",
            "a zip archive",
        ),
        (
            b"\x80\x04\x95\x1a\0\0\0\0\0\0\0}",
            "entry_kind",
            "a Python pickle",
        ),
        (
            b"\x1c\0\0\0TFL3\x14\0\x20\0",
            "entry_kind",
            "TensorFlow Lite",
        ),
        (b"\x89HDF\r\n\x1a\n\0\0", "entry_kind", "HDF5"),
        (b"<!DOCTYPE html>", "entry_kind", "web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "entry_kind",
            "git lfs pull",
        ),
        (b"id,label\n1,2\n", "entry_kind", "text"),
        (b"\0\0\0\0", "onnx_invalid", "no ONNX model"),
        (b"\x08\x08", "onnx_invalid", "no graph"),
    ] {
        let (found, message) = rejected(file);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

#[test]
fn a_model_that_lost_anything_it_needs_is_refused() {
    for whole in [ZIPMAP, INT8, WEIGHTS_AS_INPUTS, BRANCH_AND_FUNCTION] {
        let model = check_bytes(whole).unwrap();
        for length in 0..whole.len() {
            // A cut between two fields leaves a sound message; it passes where all that is lost is
            // what nobody needs, such as the metadata at the end.
            if let Ok(cut) = check_bytes(&whole[..length]) {
                let opsets = cut.opsets.len();
                assert_eq!(cut.opsets, model.opsets[..opsets]);
                let opsets = model.opsets.clone();
                assert_eq!(OnnxModel { opsets, ..cut }, model);
            }
        }
    }
}

#[test]
fn graphs_inside_graphs_end_somewhere() {
    let mut nested = graph(&[]);
    for _ in 0..2_000 {
        nested = graph(&[node("If", "", &bytes(5, bytes(6, nested)))]);
    }
    assert_eq!(
        rejected(&model_of(&nested, &opset("", 13))).0,
        "onnx_unsupported"
    );
    let mut nested = Vec::new();
    for _ in 0..2_000 {
        nested = bytes(4, bytes(1, nested));
    }
    let output = bytes(12, [bytes(1, "y"), bytes(2, nested)].concat());
    assert_eq!(
        rejected(&model_of(&output, &opset("", 13))).0,
        "onnx_unsupported"
    );
}

#[test]
fn a_file_of_millions_of_nothings_is_refused_fast() {
    let fields = 5_000_000;
    let one_by_one = |field| bytes(1, [bytes(4, "Relu"), bytes(field, "")].concat());
    for nothing in [
        bytes(1, ""),
        one_by_one(1),
        one_by_one(5),
        bytes(5, ""),
        bytes(11, ""),
        bytes(13, ""),
    ] {
        let many = nothing.repeat(fields);
        let started = Instant::now();
        let (code, message) = rejected(&model_of(&many, &opset("", 13)));
        // This is not optimised; a release build takes a tenth.
        assert!(started.elapsed() < Duration::from_secs(20));
        assert_eq!(code, "onnx_unsupported", "{message}");
    }
    let dimensions = bytes(5, bytes(1, vec![1; fields]));
    let (code, _) = rejected(&model_of(&graph(&[dimensions]), &opset("", 13)));
    assert_eq!(code, "onnx_unsupported");
}

#[test]
fn a_forest_may_have_millions_of_numbers_one_by_one() {
    let numbers = [number(8, 1), [varint(7 << 3 | 5), vec![0; 4]].concat()].concat();
    let attribute = bytes(5, numbers.repeat(2_500_000));
    let forest = graph(&[node("TreeEnsembleRegressor", "ai.onnx.ml", &attribute)]);
    let model = check_bytes(&model_of(&forest, &opset("", 13))).unwrap();
    assert_eq!(model.parameter_count, 2_500_000);
}

fn attribute(name: &str, value: u64) -> Vec<u8> {
    bytes(5, [bytes(1, name), number(3, value)].concat())
}

/// A node with these inputs and outputs.
fn wired(operator: &str, domain: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| bytes(1, name));
    let outputs = outputs.iter().flat_map(|name| bytes(2, name));
    let wires: Vec<u8> = inputs.chain(outputs).collect();
    node(operator, domain, &wires)
}

fn stateful_nodes() -> Vec<Vec<u8>> {
    let training_mode = attribute("training_mode", 1);
    let of_the_caller = [bytes(1, "training_mode"), bytes(21, "train")].concat();
    let mut nodes = vec![
        node("BatchNormalization", "", &training_mode),
        node("BatchNormalization", "ai.onnx", &training_mode),
        node("BatchNormalization", "", &bytes(5, of_the_caller)),
        wired(
            "BatchNormalization",
            "",
            &["x", "s", "b", "m", "v"],
            &["y", "", "v2"],
        ),
        wired("Dropout", "", &["x", "", "training_mode"], &["y"]),
        node("BeamSearch", "com.microsoft", b""),
        node("Sampling", "com.microsoft", b""),
        node("BiasDropout", "com.microsoft", b""),
        node(
            "Attention",
            "com.microsoft",
            &attribute("past_present_share_buffer", 1),
        ),
    ];
    for operator in [
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
    ] {
        nodes.push(node(operator, "", b""));
    }
    nodes
}

#[test]
fn operators_that_keep_state_or_draw_random_numbers_are_refused_anywhere() {
    const EXAMPLE: &[u8] = include_bytes!("../../../sandbox/examples/running_mean.onnx");
    let (code, message) = rejected(EXAMPLE);
    assert_eq!(code, "onnx_stateful");
    assert_eq!(
        message,
        "The operator 'BatchNormalization' of the domain 'ai.onnx' in training mode keeps state or \
         draws random numbers, so that passes would not be alike. Export the model in inference \
         mode: model.eval(), training=False."
    );
    for stateful in stateful_nodes() {
        let relu = graph(&[node("Relu", "", b"")]);
        let branch = bytes(5, bytes(6, graph(std::slice::from_ref(&stateful))));
        // Field 1 is a graph's node, field 7 a function's.
        let in_function = [&[7 << 3 | 2], &stateful[1..]].concat();
        let function = [bytes(1, "F"), bytes(10, "com.example"), in_function].concat();
        let opset = opset("", 15);
        for model in [
            model_of(&graph(std::slice::from_ref(&stateful)), &opset),
            model_of(&graph(&[node("If", "", &branch)]), &opset),
            [model_of(&relu, &opset), bytes(25, function)].concat(),
        ] {
            let (code, message) = rejected(&model);
            assert_eq!(code, "onnx_stateful", "{message}");
        }
    }
}

#[test]
fn the_same_operators_in_inference_mode_pass() {
    let mut nodes = vec![
        node("BatchNormalization", "", &attribute("training_mode", 0)),
        node(
            "BatchNormalization",
            "",
            &attribute("training_mode_of_mine", 1),
        ),
        node(
            "Attention",
            "com.microsoft",
            &attribute("past_present_share_buffer", 0),
        ),
        wired(
            "BatchNormalization",
            "",
            &["x", "s", "b", "m", "v"],
            &["y", "", ""],
        ),
        wired("Dropout", "", &["x", "ratio"], &["y", "mask"]),
        wired("Dropout", "", &["x", "ratio", ""], &["y"]),
    ];
    for operator in ["QLinearAdd", "MatMulNBits", "FusedConv", "Gelu"] {
        nodes.push(node(operator, "com.microsoft", b""));
    }
    let model = check_bytes(&model_of(&graph(&nodes), &opset("", 15))).unwrap();
    assert_eq!(model.node_count, nodes.len() as u64);
}

#[test]
fn only_the_usual_operators_of_the_runtime_pass() {
    for operator in ["GroupQueryAttention", "SampleOp", "ATen", ""] {
        let graph = graph(&[node(operator, "com.microsoft", b"")]);
        let (code, message) = rejected(&model_of(&graph, &opset("", 15)));
        assert_eq!(code, "onnx_custom_op", "{message}");
        let name = format!("The operator '{operator}' of the domain 'com.microsoft' is not one");
        assert!(message.starts_with(&name), "{message}");
    }
}

#[test]
fn no_field_is_hidden_from_the_check_that_the_runtime_sees() {
    // Protobuf's readers drop the bits past the 32nd, and take this for the operator's name.
    let tag = varint(1 << 32 | 4 << 3 | 2);
    let hidden = [tag, vec![9], b"Bernoulli".to_vec()].concat();
    let graph = graph(&[node("Relu", "", &hidden)]);
    assert_eq!(
        rejected(&model_of(&graph, &opset("", 15))).0,
        "onnx_invalid"
    );
    // The last of several names counts, here as there.
    let twice = self::graph(&[node("Relu", "", &bytes(4, "Bernoulli"))]);
    assert_eq!(
        rejected(&model_of(&twice, &opset("", 15))).0,
        "onnx_stateful"
    );
}

#[test]
fn what_readers_of_protobuf_would_join_is_refused() {
    let twice = |field, content: &[u8]| bytes(field, content).repeat(2);
    let typed = |kind: &[u8]| bytes(11, [bytes(1, "x"), bytes(2, kind)].concat());
    let attribute = |content: &[u8]| node("Constant", "", &bytes(5, content));
    let float = bytes(1, number(1, 1));
    for (part, what) in [
        (
            bytes(11, [bytes(1, "x"), twice(2, &float)].concat()),
            "value's type",
        ),
        (typed(&float.repeat(2)), "value's type"),
        (
            typed(&[float.clone(), bytes(8, "")].concat()),
            "value's type",
        ),
        (typed(&bytes(1, twice(2, &[]))), "value's shape"),
        (typed(&bytes(4, twice(1, &float))), "value's type"),
        (typed(&bytes(5, twice(2, &float))), "value's type"),
        (typed(&bytes(9, twice(1, &float))), "value's type"),
        (attribute(&twice(5, &[])), "attribute's tensor"),
        (attribute(&twice(6, &[])), "attribute's graph"),
        (attribute(&twice(22, &[])), "attribute's sparse tensor"),
        (bytes(15, twice(1, &[])), "sparse tensor's values"),
        (bytes(15, twice(2, &[])), "sparse tensor's indices"),
    ] {
        let (code, message) = rejected(&model_of(&graph(&[part]), &opset("", 15)));
        assert_eq!(code, "onnx_invalid");
        assert!(
            message.contains(&format!("a {what} twice")),
            "{what}: {message}"
        );
    }
    let two_graphs = [model_of(&graph(&[]), &opset("", 15)), bytes(7, "")].concat();
    assert_eq!(rejected(&two_graphs).0, "onnx_invalid");
    // Several of what there can be several of.
    let several = [twice(10, &[]), twice(11, &[]), twice(23, &[])].concat();
    let sound = graph(&[attribute(&several), typed(&float)]);
    assert!(check_bytes(&model_of(&sound, &opset("", 15))).is_ok());
}

#[test]
fn of_a_number_that_stands_for_a_kind_32_bits_count() {
    let external = bytes(5, number(14, (1 << 32) + 1));
    assert_eq!(
        rejected(&model_of(&graph(&[external]), &opset("", 15))).0,
        "onnx_external_data"
    );
    let kind = bytes(1, number(1, (1 << 32) + 7));
    let input = bytes(11, [bytes(1, "x"), bytes(2, kind)].concat());
    let model = check_bytes(&model_of(&graph(&[input]), &opset("", 15))).unwrap();
    assert_eq!(model.inputs[0].dtype, "int64");
}

#[test]
fn a_model_that_is_one_of_the_ort_format_as_well_is_refused() {
    let sound = model_of(&graph(&[node("Relu", "", b"")]), &opset("", 15));
    let both = [bytes(2, "..ORTM"), sound].concat();
    assert_eq!(both.get(4..8), Some(&b"ORTM"[..]));
    assert_eq!(rejected(&both).0, "entry_kind");
}

#[test]
fn a_file_that_is_not_as_long_as_was_said_is_our_error() {
    assert!(check(Cursor::new(INT8), Bytes::new(INT8.len() as u64 + 1)).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_handled(file: Vec<u8>) {
        let _ = check_bytes(&file);
    }

    #[test]
    fn any_change_to_a_model_is_handled(
        at in 0..BRANCH_AND_FUNCTION.len(),
        replacement: [u8; 2],
        length in 0usize..=2,
    ) {
        let mut file = BRANCH_AND_FUNCTION.to_vec();
        file.splice(at..=at, replacement[..length].iter().copied());
        if let Err(rejection) = check_bytes(&file) {
            prop_assert!(!rejection.message.contains(char::is_control));
        }
    }
}
