//! Models that want too much, or that say one thing to the door and another to the runtime. They
//! are written here, byte by byte: no exporter makes such files.

use serde_json::Value;

use crate::sandbox::support::{engines, program};
use crate::support::wire::{bytes, number, varint};
use crate::support::{App, Bundle, Person, Runner, at, eventually, root, unique_name};

use super::onnx::{
    BOOL, FLOAT, INT64, TEXT, attribute, classifier, classifier_with, function, inner_graph, input,
    linear, model, node, node_content, numbers, output, tensor, value_type,
};
use super::traces::Traces;

/// How a model must end.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Refused at the door with this code.
    Door(&'static str),
    /// Taken, and failed with one of these codes.
    Fails(&'static [&'static str]),
    /// Is what it says, after all.
    Scored,
}

use End::{Door, Fails, Scored};

/// 100 GB of numbers of 4 bytes.
const HUGE: i64 = 25_000_000_000;

/// Writes a model's file.
type Write = fn() -> Vec<u8>;

const MODELS: [(&str, Write, End); 30] = [
    ("a_million_nodes", a_million_nodes, Door("onnx_unsupported")),
    ("allocates", allocates, Fails(&["memory"])),
    ("claims_elements", claims_elements, Door("onnx_invalid")),
    ("claims_overflow", claims_overflow, Door("onnx_invalid")),
    ("control_characters", control_characters, Scored),
    ("custom_operator", custom_operator, Door("onnx_custom_op")),
    ("cut_off", cut_off, Door("onnx_invalid")),
    ("data_absolute", data_absolute, Door("onnx_external_data")),
    ("data_above", data_above, Door("onnx_external_data")),
    ("data_elsewhere", data_elsewhere, Door("onnx_external_data")),
    ("expands", expands, Fails(&["memory"])),
    ("fails_aloud", fails_aloud, Fails(&["run_failed"])),
    (
        "functions_double",
        functions_double,
        Fails(&["timeout", "memory"]),
    ),
    (
        "functions_recurse",
        functions_recurse,
        Fails(&["onnx_invalid"]),
    ),
    ("graph_twice", graph_twice, Door("onnx_invalid")),
    ("length_past_end", length_past_end, Door("onnx_invalid")),
    ("length_wraps", length_wraps, Door("onnx_invalid")),
    ("long_labels", long_labels, Fails(&["output_classes"])),
    ("loops_forever", loops_forever, Fails(&["timeout"])),
    ("nested_graphs", nested_graphs, Door("onnx_unsupported")),
    ("nested_types", nested_types, Door("onnx_unsupported")),
    ("operator_twice", operator_twice, Door("onnx_stateful")),
    (
        "overwrites_operator",
        overwrites_operator,
        Door("onnx_stateful"),
    ),
    ("returns_much", returns_much, Fails(&["memory"])),
    ("returns_wide", returns_wide, Fails(&["output_classes"])),
    ("shape_twice", shape_twice, Door("onnx_invalid")),
    ("tensor_twice", tensor_twice, Door("onnx_invalid")),
    ("texts_double", texts_double, Fails(&["memory"])),
    ("tiles", tiles, Fails(&["run_failed"])),
    ("type_twice", type_twice, Door("onnx_invalid")),
];

#[tokio::test]
async fn every_hostile_model_ends_in_its_own_code_and_leaves_nothing_behind() {
    let bundle = Bundle::lean()
        .rule("daily_limit", 200)
        .rule("limits.time_s", 6)
        .rule("limits.memory_mib", 512);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    let stored = app.stored_files();
    for (name, write, end) in MODELS {
        if let Door(code) = end {
            let refused = ada.submit(write()).await;
            let sentence = refused.problem(422, code);
            assert!(!sentence.contains(char::is_control), "{name}: {sentence:?}");
            assert!(sentence.chars().count() < 500, "{name}: {sentence}");
        }
    }
    assert_eq!(app.stored_files(), stored);
    for engine in engines() {
        let name = unique_name();
        let mut command = app.runner(&name);
        command.arg("--oci-runtime").arg(program(&engine));
        let runner = Runner::start(&mut command);
        let traces = Traces::new(&app, &runner, name);
        end_of(&app, &ada, "the first", &model(&classifier())).await;
        let before = traces.seen();
        for (name, write, end) in MODELS {
            let codes = match end {
                Door(_) => continue,
                Fails(codes) => codes,
                Scored => &[],
            };
            let ended = end_of(&app, &ada, name, &write()).await;
            let what = format!("{name} on {engine:?}");
            match codes {
                [] => assert_eq!(ended["status"], "scored", "{what}: {ended:#}"),
                codes => {
                    let code = at(&ended, "/failure/code").as_str().unwrap();
                    assert!(codes.contains(&code), "{what}: {ended:#}");
                    let message = at(&ended, "/failure/message").as_str().unwrap();
                    assert!(!message.contains(char::is_control), "{what}: {message:?}");
                    assert!(message.chars().count() < 1_100, "{what}: {message}");
                }
            }
            let left = async || (traces.seen() == before).then_some(());
            eventually(&format!("nothing of {what}"), left).await;
        }
    }
    app.assert_queue_is_empty().await;
}

/// Submits a model that the door takes to a runner that runs, and answers with how it ended.
async fn end_of(app: &App, person: &Person, name: &str, model: &[u8]) -> Value {
    let unique = || [&bytes(6, unique_name()), model].concat();
    let ended = app.run_to_its_end(person, "digits", name, unique).await;
    let page = format!("/submissions/{}", ended["id"].as_str().unwrap());
    let page = person.get(&page).await.body;
    let is_visible = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(page.chars().all(is_visible), "{name}: {page:?}");
    ended
}

#[test]
fn the_list_of_models_is_that_of_the_documentation() {
    let page = std::fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    for (name, _, end) in MODELS {
        let row = page
            .lines()
            .find(|line| line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/attacks.md does not list {name}"));
        let ends_as = match end {
            Door(code) => format!("`{code}` at the door"),
            Fails(codes) => format!("`{}`", codes.join("` or `")),
            Scored => "scored".to_owned(),
        };
        assert!(row.ends_with(&format!("| {ends_as} |")), "{row}: {ends_as}");
    }
}

fn claims_elements() -> Vec<u8> {
    let mut graph = classifier();
    graph.push(tensor(5, "w", FLOAT, &[1 << 20, 1 << 20], &[0; 4]));
    model(&graph)
}

/// More than 64 bits can count.
fn claims_overflow() -> Vec<u8> {
    let mut graph = classifier();
    graph.push(tensor(5, "w", FLOAT, &[1 << 32, 1 << 32], &[]));
    model(&graph)
}

/// The runtime makes such constants when it loads the model.
fn allocates() -> Vec<u8> {
    let parts = [
        numbers("shape", &[HUGE]),
        node("ConstantOfShape", &["shape"], &["huge"], &[]),
    ];
    model(&classifier_with(&parts, "huge"))
}

fn expands() -> Vec<u8> {
    let parts = [
        numbers("shape", &[HUGE]),
        node("Expand", &["one", "shape"], &["huge"], &[]),
    ];
    model(&classifier_with(&parts, "huge"))
}

fn tiles() -> Vec<u8> {
    let parts = [
        numbers("single", &[1]),
        numbers("repeats", &[HUGE]),
        node("Reshape", &["one", "single"], &["row"], &[]),
        node("Tile", &["row", "repeats"], &["huge"], &[]),
    ];
    model(&classifier_with(&parts, "huge"))
}

fn cut_off() -> Vec<u8> {
    let whole = model(&classifier());
    whole[..whole.len() - 100].to_vec()
}

fn length_past_end() -> Vec<u8> {
    let past_end = [varint(7 << 3 | 2), varint(1 << 40)].concat();
    [model(&classifier()), past_end].concat()
}

/// A length that leads back to an earlier byte where it is added without care.
fn length_wraps() -> Vec<u8> {
    let wraps = [varint(5 << 3 | 2), varint(u64::MAX - 8)].concat();
    [model(&classifier()), bytes(7, wraps)].concat()
}

fn nested_graphs() -> Vec<u8> {
    let mut graph = classifier();
    for _ in 0..10_000 {
        let branch = inner_graph("then_branch", &graph);
        graph = vec![node("If", &["yes"], &["scores"], &[branch])];
    }
    model(&[classifier(), graph].concat())
}

fn nested_types() -> Vec<u8> {
    let mut kind = Vec::new();
    for _ in 0..10_000 {
        // A list of values of this type.
        kind = bytes(4, bytes(1, kind));
    }
    let value = bytes(12, [bytes(1, "lists"), bytes(2, kind)].concat());
    model(&[classifier(), vec![value]].concat())
}

fn functions_recurse() -> Vec<u8> {
    let calls = node_content("own::Again", &["x"], &["y"], &[]);
    let again = function("Again", "own", &[calls]);
    with_functions("own::Again", &[again])
}

/// The last is 2^40 additions.
fn functions_double() -> Vec<u8> {
    let mut functions = vec![function(
        "F0",
        "own",
        &[node_content("Add", &["x", "x"], &["y"], &[])],
    )];
    for level in 1..=40 {
        let inner = format!("own::F{}", level - 1);
        functions.push(function(
            &format!("F{level}"),
            "own",
            &[
                node_content(&inner, &["x"], &["half"], &[]),
                node_content(&inner, &["half"], &["y"], &[]),
            ],
        ));
    }
    with_functions("own::F40", &functions)
}

fn with_functions(operator: &str, functions: &[Vec<u8>]) -> Vec<u8> {
    let parts = [node(operator, &["features"], &["product"], &[])];
    let opset = bytes(8, [bytes(1, "own"), number(2, 1)].concat());
    let whole = model(&classifier_with(&parts, "product"));
    [whole, opset, functions.concat()].concat()
}

/// Has a standard operator mean one that draws random numbers.
fn overwrites_operator() -> Vec<u8> {
    let random = node_content("RandomNormalLike", &["x"], &["y"], &[]);
    let parts = [node("Relu", &["features"], &["product"], &[])];
    let whole = model(&classifier_with(&parts, "product"));
    [whole, function("Relu", "", &[random])].concat()
}

fn data_above() -> Vec<u8> {
    data_in("../../../../../../etc/passwd")
}

fn data_absolute() -> Vec<u8> {
    data_in("/etc/passwd")
}

fn data_in(path: &str) -> Vec<u8> {
    let place = bytes(13, [bytes(1, "location"), bytes(2, path)].concat());
    with_weights(&[place, number(14, 1)].concat())
}

/// The runtime reads 32 bits of the number that says where the data lie.
fn data_elsewhere() -> Vec<u8> {
    with_weights(&number(14, (1 << 32) + 1))
}

fn with_weights(place: &[u8]) -> Vec<u8> {
    let tensor = [
        number(1, 1),
        number(2, FLOAT),
        bytes(8, "w"),
        place.to_vec(),
    ]
    .concat();
    model(&[classifier(), vec![bytes(5, tensor)]].concat())
}

fn custom_operator() -> Vec<u8> {
    let parts = [node("evil::Run", &["features"], &["product"], &[])];
    model(&classifier_with(&parts, "product"))
}

fn loops_forever() -> Vec<u8> {
    let body = [
        input("turn", INT64, &[]),
        input("goes_on", BOOL, &[]),
        input("before", FLOAT, &["N", "64"]),
        node("Identity", &["goes_on"], &["goes_on_still"], &[]),
        node("Add", &["before", "before"], &["after"], &[]),
        output("goes_on_still", BOOL, &[]),
        output("after", FLOAT, &["N", "64"]),
    ];
    let loops = node(
        "Loop",
        &["turns", "", "features"],
        &["looped"],
        &[inner_graph("body", &body)],
    );
    let turns = tensor(5, "turns", INT64, &[], &(1_i64 << 62).to_le_bytes());
    model(&classifier_with(&[turns, loops], "looped"))
}

fn a_million_nodes() -> Vec<u8> {
    let nothing = node("Relu", &["features"], &[""], &[]);
    model(&[classifier(), vec![nothing.repeat(1_000_000)]].concat())
}

/// 400 MB for each batch, of which its declared shape says nothing.
fn returns_much() -> Vec<u8> {
    let ends = attribute("end", number(3, 1), 2);
    let axis = attribute("axis", number(3, 0), 2);
    model(&wide(&[
        numbers("single", &[1]),
        numbers("times", &[10_000]),
        node("Shape", &["features"], &["rows"], &[ends]),
        node("Mul", &["rows", "times"], &["many"], &[]),
        node("Concat", &["single", "many"], &["repeats"], &[axis]),
    ]))
}

fn returns_wide() -> Vec<u8> {
    model(&wide(&[numbers("repeats", &[1, 10_000_000])]))
}

/// Returns ten scores for each row so many times as the `repeats` that the parts make say.
fn wide(parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut graph = linear(["features", "plain"], 10);
    graph.pop();
    graph.extend_from_slice(parts);
    graph.push(node("Tile", &["plain", "repeats"], &["scores"], &[]));
    graph.push(output("scores", FLOAT, &["N", "M"]));
    graph
}

/// Labels of 64 KiB.
fn long_labels() -> Vec<u8> {
    doubled_labels(16)
}

fn texts_double() -> Vec<u8> {
    doubled_labels(40)
}

fn doubled_labels(times: u32) -> Vec<u8> {
    let mut graph = linear(["features", "number"], 1);
    graph.pop();
    let to = attribute("to", number(3, TEXT), 2);
    graph.push(node("Cast", &["number"], &["text0"], &[to]));
    for time in 0..times {
        let (from, to) = (format!("text{time}"), format!("text{}", time + 1));
        graph.push(node("StringConcat", &[&from, &from], &[&to], &[]));
    }
    graph.push(output(&format!("text{times}"), TEXT, &["N", "1"]));
    model(&graph)
}

fn control_characters() -> Vec<u8> {
    let [from, to] = ["features\x1b[31m\n\u{202e}", "scores\0\x1b]0;owned\x07"];
    let graph = linear([from, to], 10);
    let producer = bytes(2, "exporter\x1b[2J\u{202e}");
    [model(&graph), producer].concat()
}

/// Fails when it runs, in a node whose long name the message must not repeat as it is.
fn fails_aloud() -> Vec<u8> {
    let name = format!("\x1b[2J\u{202e}{}", "a".repeat(1 << 20));
    let reshape = [
        node_content("Reshape", &["features", "shape"], &["product"], &[]),
        bytes(3, name),
    ];
    let parts = [numbers("shape", &[7, 7, 7]), bytes(1, reshape.concat())];
    model(&classifier_with(&parts, "product"))
}

/// The last name counts.
fn operator_twice() -> Vec<u8> {
    let node = [
        node_content("Relu", &["features"], &["product"], &[]),
        bytes(4, "Bernoulli"),
    ];
    model(&classifier_with(&[bytes(1, node.concat())], "product"))
}

/// Readers of protobuf join the two to one.
fn graph_twice() -> Vec<u8> {
    let mut graph = classifier();
    let output = graph.pop().unwrap();
    [model(&graph), bytes(7, output)].concat()
}

/// Together 64 × 10 numbers, apart something else.
fn tensor_twice() -> Vec<u8> {
    let value = |lengths: &[u64], raw: &[u8]| tensor(5, "", FLOAT, lengths, raw);
    let both = [value(&[1 << 20], &[0; 1 << 18]), value(&[1 << 20], &[])].concat();
    let constant = node("Constant", &[], &["huge"], &[attribute("value", both, 4)]);
    model(&classifier_with(&[constant], "huge"))
}

/// The runtime joins the shapes to one of four axes.
fn shape_twice() -> Vec<u8> {
    let axes = bytes(2, bytes(1, number(1, 64)));
    let kind = bytes(2, bytes(1, [number(1, FLOAT), axes.clone(), axes].concat()));
    let mut graph = classifier();
    graph.push(bytes(11, [bytes(1, "more"), kind].concat()));
    model(&graph)
}

fn type_twice() -> Vec<u8> {
    let kinds = [value_type(FLOAT, &["N", "64"]), value_type(INT64, &[])].concat();
    let mut graph = classifier();
    graph[0] = bytes(11, [bytes(1, "features"), kinds].concat());
    model(&graph)
}
