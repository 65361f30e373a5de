use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn check_bytes(bytes: &[u8]) -> Result<TfliteModel, Rejection> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    check(file, Bytes::new(bytes.len() as u64)).unwrap()
}

fn small_mlp() -> Vec<u8> {
    read("demo/digits/starter/small_mlp_int8.tflite")
}

#[test]
fn a_model_says_what_it_is_fed_and_what_is_in_it() {
    let model = check_bytes(&small_mlp()).unwrap();
    let [input] = model.inputs.as_slice() else {
        panic!("{model:?}");
    };
    // The signature's name, not the tensor's.
    assert_eq!(
        (input.name.as_str(), input.dtype.as_str()),
        ("features", "int8")
    );
    assert_eq!(input.shape, [Dim::Free, Dim::Fixed(64)]);
    assert_eq!(model.outputs[0].name, "scores");
    assert_eq!(model.operators, ["FULLY_CONNECTED"]);
    assert_eq!(model.node_count, 2);
    assert_eq!(model.parameter_count, 64 * 32 + 32 + 32 * 10 + 10);
    assert_eq!(model.producer, "small_mlp.onnx, in int8");
}

#[test]
fn what_cannot_run_or_could_remember_is_refused_with_its_reason() {
    for (example, code, words) in [
        ("custom_op", RejectionCode::TfliteCustomOp, "'MyOwn'"),
        ("flex_op", RejectionCode::TfliteCustomOp, "SELECT_TF_OPS"),
        (
            "random_numbers",
            RejectionCode::TfliteStateful,
            "RANDOM_UNIFORM",
        ),
        ("reads_unwritten", RejectionCode::TfliteStateful, "ADD"),
        (
            "keeps_between_places",
            RejectionCode::TfliteStateful,
            "STRIDED_SLICE",
        ),
        (
            "takes_row_past_end",
            RejectionCode::TfliteStateful,
            "past the end",
        ),
        ("reads_past_end", RejectionCode::TfliteStateful, "TRANSPOSE"),
    ] {
        let rejection = check_bytes(&read(&format!("sandbox/examples/{example}.tflite")));
        let rejection = rejection.unwrap_err();
        assert_eq!(rejection.code, code, "{example}: {}", rejection.message);
        assert!(rejection.message.contains(words), "{}", rejection.message);
    }
    // One row of those that are there.
    check_bytes(&read("sandbox/examples/takes_row.tflite")).unwrap();
    // What it keeps is set to zero before each batch.
    check_bytes(&read("sandbox/examples/keeps_in_variable.tflite")).unwrap();
}

#[test]
fn an_operator_may_write_only_what_nothing_wrote_before() {
    let whole = small_mlp();
    let last = i32::try_from(check_layout(&whole)).unwrap().to_le_bytes();
    let first = 3i32.to_le_bytes();
    // The second operator is made to write what the first wrote.
    let places: Vec<usize> = (whole.windows(8).enumerate())
        .filter(|(_, window)| window[..4] == 1i32.to_le_bytes() && window[4..] == last)
        .map(|(place, _)| place)
        .collect();
    let refused = places.iter().any(|place| {
        let mut bytes = whole.clone();
        bytes[place + 4..place + 8].copy_from_slice(&first);
        check_bytes(&bytes).is_err_and(|rejection| rejection.message.contains("there already"))
    });
    assert!(refused);
}

/// The number of the last tensor: given, then weights, biases and sums of two layers.
fn check_layout(bytes: &[u8]) -> usize {
    assert_eq!(check_bytes(bytes).unwrap().node_count, 2);
    6
}

#[test]
fn what_is_cut_off_anywhere_is_no_whole_model_and_no_failure_of_ours() {
    let whole = small_mlp();
    for length in 0..whole.len() {
        if let Err(rejection) = check_bytes(&whole[..length]) {
            assert_eq!(rejection.code, RejectionCode::TfliteInvalid);
        }
    }
    let half = check_bytes(&whole[..whole.len() / 2]).unwrap_err();
    assert!(
        half.message.contains("does not lie in the file"),
        "{half:?}"
    );
}

proptest! {
    #[test]
    fn whatever_is_changed_is_refused_or_read_without_a_failure_of_ours(
        changes in prop::collection::vec((0usize..4800, any::<u8>()), 1..8)
    ) {
        let mut bytes = small_mlp();
        for (place, value) in changes {
            let length = bytes.len();
            bytes[place % length] = value;
        }
        if let Err(rejection) = check_bytes(&bytes) {
            prop_assert!(!rejection.message.chars().any(char::is_control));
        }
    }
}
