//! What is fuzzed: each parser of bytes that strangers write, with what must hold of its answers.
//! `fuzz/` feeds these with inputs that it makes up, the tests with those that it kept.

use std::collections::HashSet;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use crate::cli::client::documents;
use crate::competitions::manifest::Manifest;
use crate::domain::competition::{CompetitionSpec, EntryKind, EntryRules};
use crate::domain::digest::Digest;
use crate::domain::model_manifest::ModelManifest;
use crate::domain::names;
use crate::domain::parquet::{Bounds, Cell, Fault, Item, ParquetFile};
use crate::domain::slug::Slug;
use crate::domain::solution::Solution;
use crate::domain::table::{Table, TableFormat, Values};
use crate::domain::text_table::TextTable;
use crate::domain::units::Bytes;
use crate::entries::{self, onnx, package, script, tflite, zip};
use crate::sandbox::channel::{LONGEST_LINE, Lines};
use crate::scoring::Predictions;
use crate::session::exchange::{self, Event};
use crate::web::pages::markdown::Prose;

/// Panics where what must hold does not.
pub type Target = fn(&[u8]);

/// All targets, by the names that their corpora have.
pub const TARGETS: [(&str, Target); 15] = [
    ("competition_toml", competition_toml),
    ("documents", documents),
    ("harness_events", harness_events),
    ("leanboard_toml", leanboard_toml),
    ("markdown", markdown),
    ("model_zip", model_zip),
    ("names", names_at_the_door),
    ("npz", npz_file),
    ("onnx_model", onnx_model),
    ("parquet", parquet_file),
    ("predictions", predictions),
    ("script_zip", script_zip),
    ("solution", solution),
    ("table", table),
    ("tflite_model", tflite_model),
];

/// A zip that passes the check unpacks without a refusal, into as many plain files and bytes as were
/// listed, and not into one more.
pub fn script_zip(bytes: &[u8]) {
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(bytes).expect("a file can be written");
    let size = Bytes::new(bytes.len() as u64);
    let open = || file.try_clone().expect("a file can be opened twice");
    let kinds = [EntryKind::Predict, EntryKind::Script];
    let checked = script::check(open(), size, &kinds).expect("a file can be read");
    let Ok((kind, checked)) = checked else {
        return;
    };
    assert!(checked.file_count <= zip::ENTRIES_MAX as u64);
    assert!(checked.unpacked_bytes <= zip::UNPACKED_MAX.as_u64());
    let around = tempfile::tempdir().expect("a folder can be made");
    let folder = around.path().join("script");
    fs::create_dir(&folder).expect("a folder can be made");
    script::unpack(open(), size, &folder)
        .expect("what passed the check can be unpacked")
        .expect("what passed the check is not refused");
    let runs = [script::MAIN, script::PREDICT].map(|name| folder.join(name).is_file());
    assert!(runs[0] || (kind == EntryKind::Predict && runs[1]));
    let mut found = (0, 0);
    count_files(&folder, &mut found);
    assert_eq!(found, (checked.file_count, checked.unpacked_bytes));
    let beside = fs::read_dir(around.path()).expect("a folder can be listed");
    assert_eq!(beside.count(), 1, "something was written beside the folder");
}

/// A manifest is read or refused with a sentence on one line; what was read comes back from its JSON.
pub fn leanboard_toml(bytes: &[u8]) {
    match package::manifest::parse(bytes) {
        Ok(manifest) => {
            let text = serde_json::to_string(&manifest).expect("a manifest is written");
            let read: ModelManifest = serde_json::from_str(&text).expect("and read");
            assert_eq!(read, manifest);
        }
        Err(rejection) => {
            assert!(!rejection.message.chars().any(char::is_control));
            assert!(rejection.message.len() <= 2000);
        }
    }
}

/// A zip that passes the check as a model unpacks without a refusal, into one file and the same manifest.
pub fn model_zip(bytes: &[u8]) {
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(bytes).expect("a file can be written");
    let size = Bytes::new(bytes.len() as u64);
    let open = || file.try_clone().expect("a file can be opened twice");
    let rules = EntryRules {
        kinds: vec![EntryKind::Onnx, EntryKind::Tflite],
        ..EntryRules::default()
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let checked = entries::check(open(), size, &rules, folder.path());
    let Ok(checked) = checked.expect("a file can be read") else {
        return;
    };
    let is_packed = entries::is_packed(&file).expect("a file can be read");
    assert_eq!(is_packed, checked.manifest.is_some());
    if let Some(manifest) = checked.manifest {
        let path = folder.path().join("model");
        let unpacked = package::unpack(open(), size, &path)
            .expect("what passed the check can be unpacked")
            .expect("what passed the check is not refused");
        assert_eq!(unpacked, manifest);
        let length = fs::metadata(&path).expect("the model is there").len();
        assert!(length <= rules.max_size().as_u64());
    }
    let beside = fs::read_dir(folder.path()).expect("a folder can be listed");
    assert!(beside.count() <= 1, "something was left in the folder");
}

/// Files below a folder and their bytes; nothing but files and folders may be there.
fn count_files(folder: &Path, found: &mut (u64, u64)) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let entry = entry.expect("a folder can be listed");
        let metadata = entry.metadata().expect("a file can be looked at");
        if metadata.is_dir() {
            count_files(&entry.path(), found);
        } else {
            assert!(metadata.is_file(), "{entry:?} is no plain file");
            *found = (found.0 + 1, found.1 + metadata.len());
        }
    }
}

/// A model is read to its end or refused with a sentence, never with an error of ours; what is kept
/// of it comes back from its JSON. The door with all kinds open agrees.
pub fn onnx_model(bytes: &[u8]) {
    let size = Bytes::new(bytes.len() as u64);
    match onnx::check(Cursor::new(bytes), size).expect("memory can be read") {
        Ok(model) => {
            assert!((1..=onnx::IR_VERSION_MAX).contains(&model.ir_version));
            assert!(!model.opsets.is_empty() && !model.outputs.is_empty());
            let text = serde_json::to_string(&model).expect("a model is written");
            let read: onnx::OnnxModel = serde_json::from_str(&text).expect("and read");
            assert_eq!(read, model);
            assert!(
                text.len() <= 64 * bytes.len() + 4096,
                "it says more than it read"
            );
        }
        Err(rejection) => assert!(!rejection.message.chars().any(char::is_control)),
    }
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(bytes).expect("a file can be written");
    let rules = EntryRules {
        kinds: vec![
            EntryKind::Onnx,
            EntryKind::Tflite,
            EntryKind::Predict,
            EntryKind::Script,
        ],
        ..EntryRules::default()
    };
    let checked =
        entries::check(file, size, &rules, &std::env::temp_dir()).expect("a file can be read");
    if let Err(rejection) = checked {
        assert!(rejection.message.len() <= 2000);
    }
}

/// A model is read to its end or refused with a sentence, never with an error of ours; what is kept
/// of it comes back from its JSON.
pub fn tflite_model(bytes: &[u8]) {
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(bytes).expect("a file can be written");
    let size = Bytes::new(bytes.len() as u64);
    match tflite::check(file, size).expect("a file can be read") {
        Ok(model) => {
            assert!(!model.outputs.is_empty());
            let text = serde_json::to_string(&model).expect("a model is written");
            let read: tflite::TfliteModel = serde_json::from_str(&text).expect("and read");
            assert_eq!(read, model);
        }
        Err(rejection) => assert!(!rejection.message.chars().any(char::is_control)),
    }
}

/// Predictions that pass are one per row, or have exactly the row ids; numbers are finite and in the
/// metric's range.
pub fn predictions(bytes: &[u8]) {
    let ids = ["1", "02", "ä b"].map(str::to_owned);
    for spec in specs() {
        let read = [
            Predictions::parse(bytes, &spec, ids.len()),
            Predictions::parse_submission(bytes, &spec, &ids),
        ];
        for read in read {
            match read {
                Ok(predictions) => {
                    assert_eq!(predictions.answers().rows(), ids.len());
                    check_answers(predictions.answers());
                }
                Err(bad) => assert!(bad.message.len() <= 4000, "{} bytes", bad.message.len()),
            }
        }
    }
}

/// A file is read within its bounds, in as many rows as it says, or refused; as a table and as a
/// submission it is like any other.
pub fn parquet_file(bytes: &[u8]) {
    let bounds = Bounds {
        rows: 100,
        elements: 1000,
        unpacked: 1 << 16,
        text: 1 << 12,
    };
    if let Ok(mut file) = ParquetFile::open(bytes, bounds) {
        assert!(file.rows() <= bounds.rows);
        for field in 0..file.fields().len() {
            let (mut rows, mut items, mut text) = (0, 0, 0);
            let read = file.for_each(field, |item: Item<'_>| {
                rows += u64::from(item.starts_row);
                items += 1;
                if let Cell::Text(cell) = item.cell {
                    text += cell.len() as u64;
                }
                Ok::<(), Fault>(())
            });
            assert!(items <= bounds.rows + bounds.elements && text <= bounds.text);
            assert!(read.is_err() || rows == file.rows());
        }
    }
    if let Ok(table) = Table::read_parquet(bytes, bounds, "id") {
        check_columns(&table);
    }
    predictions(bytes);
}

fn check_answers(answers: &crate::domain::answers::Answers) {
    use crate::domain::answers::Answers;
    match answers {
        Answers::Labels(_) | Answers::Lists(_) | Answers::Texts(_) => {}
        Answers::Values(columns) => {
            let mut values = columns.iter().flatten();
            assert!(values.all(|value| value.is_finite() && *value >= 0.0));
        }
        Answers::Probabilities(columns) => {
            let mut values = columns.iter().flatten();
            assert!(values.all(|value| (0.0..=1.0).contains(value)));
        }
    }
}

/// A solution that passes has an answer and a split for each test row.
pub fn solution(bytes: &[u8]) {
    let ids = ["1", "02", "ä b"].map(str::to_owned);
    for spec in specs() {
        if let Ok(solution) = Solution::read(bytes, &spec, &ids) {
            assert_eq!(solution.rows(), ids.len());
            assert_eq!(solution.answers().rows(), ids.len());
            check_answers(solution.answers());
        }
    }
}

/// A table that passes is whole and, written and read again, the same; numbers are finite.
pub fn table(bytes: &[u8]) {
    let Ok(text) = TextTable::read(bytes, "id") else {
        assert!(Table::read(bytes, "id").is_err());
        return;
    };
    let unique: HashSet<&String> = text.ids.iter().collect();
    assert!(!text.ids.is_empty() && unique.len() == text.ids.len());
    for column in &text.columns {
        assert_eq!(column.cells.len(), text.ids.len());
    }
    let again = TextTable::read(written(&text).as_slice(), "id").expect("what is written is read");
    assert_eq!((&again.ids, &again.columns), (&text.ids, &text.columns));
    if let Ok(table) = Table::read(bytes, "id") {
        check_columns(&table);
    }
}

/// A file of arrays that passes is a table that is whole; numbers are finite.
pub fn npz_file(bytes: &[u8]) {
    match Table::read_as(TableFormat::Npz, bytes, "id") {
        Ok(table) => {
            let unique: HashSet<&String> = table.ids.iter().collect();
            assert!(!table.ids.is_empty() && unique.len() == table.ids.len());
            check_columns(&table);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn check_columns(table: &Table) {
    for column in &table.columns {
        let rows = match &column.values {
            Values::Integers(values) => values.len(),
            Values::Decimals { values, .. } => {
                assert!(values.iter().all(|value| value.is_finite()));
                values.len()
            }
            Values::Text(cells) => cells.len(),
            Values::Arrays(arrays) => arrays.rows(),
        };
        assert_eq!(rows, table.rows());
    }
}

fn written(table: &TextTable) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(Vec::new());
    let names = table.columns.iter().map(|column| column.name.as_str());
    let first = std::iter::once("id").chain(names);
    writer.write_record(first).expect("memory can be written");
    for (row, id) in table.ids.iter().enumerate() {
        let cells = table
            .columns
            .iter()
            .map(|column| column.cells[row].as_str());
        let record = std::iter::once(id.as_str()).chain(cells);
        writer.write_record(record).expect("memory can be written");
    }
    writer.into_inner().expect("memory can be written")
}

/// Rules that pass come back from their JSON; a finding names a line that the file has.
pub fn competition_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Manifest::parse(text) {
        Ok(manifest) => {
            let json = serde_json::to_string(&manifest.spec).expect("rules are written");
            let read: CompetitionSpec = serde_json::from_str(&json).expect("and read");
            assert_eq!(read, manifest.spec);
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            let lines = text.bytes().filter(|b| *b == b'\n').count() as u64 + 1;
            let is_there = |line: u64| (1..=lines).contains(&line);
            assert!(
                findings
                    .iter()
                    .all(|finding| finding.line.is_none_or(is_there))
            );
        }
    }
}

/// What a sandbox says is the same lines however its bytes arrive, each of bounded length; of a
/// failure no more than a word and a line is kept.
pub fn harness_events(bytes: &[u8]) {
    let whole_bytes = bytes;
    let whole = lines_of(bytes, LONGEST_LINE);
    assert_eq!(lines_of(bytes, 1), whole);
    for line in whole {
        assert!(line.len() < LONGEST_LINE);
        match serde_json::from_str(&line) {
            Ok(Event::Failed { code, message }) => {
                let code = exchange::plain_code(code);
                assert!(code.len() <= 40 && code.is_ascii());
                check_message(&exchange::clean(&message));
            }
            Ok(Event::Ready { runtime, .. }) => check_message(&exchange::clean(&runtime)),
            Ok(Event::Predicted {
                rows,
                r#type,
                bytes,
            }) => {
                // What follows is read as no more predictions than were asked for.
                let predictions = r#type.read(rows, &whole_bytes[..bytes.min(whole_bytes.len())]);
                assert!(predictions.is_none_or(|predictions| predictions.len() == rows));
            }
            Ok(Event::Done | Event::Finished { .. }) | Err(_) => {}
        }
    }
}

fn check_message(message: &str) {
    assert!(message.chars().count() <= exchange::LONGEST_MESSAGE);
    assert!(!message.contains(char::is_control));
}

/// The lines before the first that is none.
fn lines_of(bytes: &[u8], piece: usize) -> Vec<String> {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for piece in bytes.chunks(piece) {
        lines.append(piece);
        while let Some(line) = lines.take_line() {
            match line {
                Ok(line) => found.push(line),
                Err(_) => return found,
            }
        }
    }
    found
}

/// A description's HTML has no element and no attribute that runs, frames or dresses anything.
pub fn markdown(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let page = Prose::of(text).to_string();
    // In text `<` is escaped, and in the values of attributes `"`.
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        for start in ["script", "iframe", "style", "object", "form", "svg"] {
            assert!(!tag.starts_with(start), "<{tag}> is in {page}");
        }
        for attribute in [" style=\"", " onclick=\"", " onerror=\"", "=\"javascript:"] {
            assert!(!tag.contains(attribute), "<{tag}> is in {page}");
        }
    }
}

/// Documents of a server are read or refused, and shown.
pub fn documents(bytes: &[u8]) {
    use documents::{CompetitionDocument, Created, LeaderboardDocument, Problem, Started};
    if let Ok(problem) = serde_json::from_slice::<Problem>(bytes) {
        let shown = problem.of_server("http://127.0.0.1").to_string();
        assert!(shown.len() <= 4 * bytes.len() + 1000);
    }
    let _ = serde_json::from_slice::<Started>(bytes);
    let _ = serde_json::from_slice::<Created>(bytes);
    let _ = serde_json::from_slice::<CompetitionDocument>(bytes);
    let _ = serde_json::from_slice::<documents::SubmissionList>(bytes);
    if let Ok(board) = serde_json::from_slice::<LeaderboardDocument>(bytes) {
        assert!(board.standings.iter().all(|line| line.score.is_finite()));
    }
}

/// What is parsed at the door is written as it was read, and is fit to be shown.
pub fn names_at_the_door(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(slug) = text.parse::<Slug>() {
        assert_eq!(slug.as_str(), text);
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(name) = names::parse_user_name(text) {
        assert_eq!(names::parse_user_name(&name).as_ref(), Ok(&name));
        assert!(!name.contains(|c: char| c.is_control() || names::is_invisible(c)));
    }
    let file_name = names::clean_file_name(text);
    assert!(!file_name.is_empty() && !file_name.contains(['/', '\\', '\0', '\n']));
    if let Ok(description) = names::parse_description(text) {
        assert!(description.chars().count() <= 2000);
    }
}

/// One of each kind of task, and one of several columns.
fn specs() -> [CompetitionSpec; 6] {
    let classes = |classes: &str| {
        spec(&format!(
            "task = {{ kind = 'probability', target = 'y', classes = [{classes}] }}\n\
             metric = {{ name = 'log_loss', benchmark = 1 }}"
        ))
    };
    [
        labels(),
        prices(),
        classes("'a', 'b'"),
        classes("'a', 'b', 'y'"),
        spec(
            "task = { kind = 'list', target = 'y' }\n\
             metric = { name = 'map_at_k', k = 2, benchmark = 0 }",
        ),
        spec(
            "task = { kind = 'text', target = 'y' }\n\
             metric = { name = 'word_jaccard', benchmark = 0 }",
        ),
    ]
}

fn labels() -> CompetitionSpec {
    spec(
        "task = { kind = 'label', target = 'y', classes = ['a', 'b'] }\n\
         metric = { name = 'accuracy', benchmark = 0.5 }",
    )
}

fn prices() -> CompetitionSpec {
    spec(
        "task = { kind = 'value', target = 'y' }\n\
         metric = { name = 'rmsle', benchmark = 1 }",
    )
}

fn spec(task: &str) -> CompetitionSpec {
    let text = format!(
        "slug = 'ab'\ntitle = 'AB'\nsummary = ''\nopens_at = '2026-01-01T00:00:00Z'\n\
         starter = []\n{task}"
    );
    toml::from_str(&text).expect("the rules are sound")
}
