//! What scoring costs: a million predictions from their CSV files to their scores, beside pandas and
//! scikit-learn, which read and score the same files by turns.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::process::{Spent, output, timed};
use crate::report::{at_least, at_most, heading, line, note, quantile};
use crate::{Outcome, PROGRAM};

const ROWS: usize = 1_000_000;
const ROUNDS: usize = 3;
const CLASSES: usize = 10;
const TIMES_FASTER: f64 = 3.0;
const PEAK_MIB: f64 = 300.0;

/// Reads both files, brings them into one order, and scores each split and all; says how long that
/// took, its imports not counted.
const REFERENCE: &str = r#"
import sys, time
import numpy, pandas
from sklearn import metrics
bundle, metric = sys.argv[1:]
start = time.perf_counter(), time.process_time()
is_value = metric == "rmse"
text = {"id": str, "Usage": str} | ({} if is_value else {"y": str})
solution = pandas.read_csv(bundle + "/hidden/solution.csv", dtype=text)
text = {"id": str} | ({"y": str} if metric == "accuracy" else {})
submission = pandas.read_csv(bundle + "/submission.csv", dtype=text)
if not submission["id"].equals(solution["id"]):
    submission = submission.set_index("id").loc[solution["id"]].reset_index()
columns = [name for name in submission.columns if name != "id"]
is_public = (solution["Usage"] == "Public").to_numpy()
for rows in (is_public, ~is_public, numpy.ones(len(solution), bool)):
    actual, predicted = solution["y"][rows], submission[columns][rows]
    if metric == "accuracy":
        score = metrics.accuracy_score(actual, predicted["y"])
    elif metric == "log_loss":
        score = metrics.log_loss(actual, predicted, labels=columns)
    elif metric == "roc_auc":
        score = metrics.roc_auc_score(actual == "1", predicted["y"])
    else:
        score = metrics.root_mean_squared_error(actual, predicted["y"])
print(time.perf_counter() - start[0], time.process_time() - start[1], score)
"#;

/// Tells the benchmark's own program to convert a submission instead.
pub const WRITE_PARQUET: &str = "--write-parquet=";

pub fn run(runtime: &Path) -> Outcome<()> {
    heading(
        "Scoring a million predictions from CSV",
        &["leanboard", "sklearn", "times faster", "", "peak", ""],
    );
    let (mut all_ours, mut all_theirs) = (0.0, 0.0);
    for metric in ["accuracy", "log_loss", "roc_auc", "rmse"] {
        let folder = tempfile::tempdir()?;
        write_case(folder.path(), metric)?;
        let (mut ours, mut theirs, mut ratios, mut peak) = (vec![], vec![], vec![], 0.0_f64);
        for _ in 0..ROUNDS {
            let spent = score(folder.path(), "submission.csv")?;
            let reference = score_by_reference(runtime, folder.path(), metric)?;
            let seconds = spent.wall.as_secs_f64();
            ours.push(seconds);
            theirs.push(reference);
            ratios.push(reference / seconds);
            peak = peak.max(spent.peak_bytes as f64 / 1024.0 / 1024.0);
        }
        let faster = quantile(&ratios, 0.5);
        all_ours += quantile(&ours, 0.5);
        all_theirs += quantile(&theirs, 0.5);
        line(
            metric,
            &[
                format!("{:.2} s", quantile(&ours, 0.5)),
                format!("{:.2} s", quantile(&theirs, 0.5)),
                format!("{faster:.1}"),
                at_least(faster, TIMES_FASTER, "×"),
                format!("{peak:.0} MiB"),
                at_most(peak, PEAK_MIB, "MiB"),
            ],
        );
        // In a process of its own: what a child's parent held counts as the child's peak.
        let mut convert = Command::new(std::env::current_exe()?);
        convert.arg(format!("{WRITE_PARQUET}{}", folder.path().display()));
        output(&mut convert)?;
        let (mut ours, mut peak) = (vec![], 0.0_f64);
        for _ in 0..ROUNDS {
            let spent = score(folder.path(), "submission.parquet")?;
            ours.push(spent.wall.as_secs_f64());
            peak = peak.max(spent.peak_bytes as f64 / 1024.0 / 1024.0);
        }
        line(
            &format!("{metric}, Parquet"),
            &[
                format!("{:.2} s", quantile(&ours, 0.5)),
                String::new(),
                String::new(),
                String::new(),
                format!("{peak:.0} MiB"),
            ],
        );
    }
    let faster = all_theirs / all_ours;
    line(
        "all four",
        &[
            format!("{all_ours:.2} s"),
            format!("{all_theirs:.2} s"),
            format!("{faster:.1}"),
            at_least(faster, TIMES_FASTER, "×"),
        ],
    );
    note("medians of 3; ours from the start of the process to its end, theirs without imports");
    Ok(())
}

fn score(bundle: &Path, submission: &str) -> Outcome<Spent> {
    let mut command = Command::new(PROGRAM);
    command.arg("score").arg(bundle.join(submission));
    timed(command.arg("--competition").arg(bundle).arg("--json"))
}

fn score_by_reference(runtime: &Path, bundle: &Path, metric: &str) -> Outcome<f64> {
    let mut python = Command::new(runtime.join("bin/python"));
    let said = output(python.args(["-c", REFERENCE]).arg(bundle).arg(metric))?;
    let seconds = said.split(' ').next().unwrap_or_default();
    Ok(seconds.parse()?)
}

/// A bundle's rules and solution with a submission.
fn write_case(folder: &Path, metric: &str) -> Outcome<()> {
    let mut random = Random(20_261_124);
    let (kind, classes) = match metric {
        "accuracy" => ("label", CLASSES),
        "log_loss" => ("probability", CLASSES),
        "roc_auc" => ("probability", 2),
        _ => ("value", 0),
    };
    let names: Vec<String> = (0..classes).map(|class| format!("{class}")).collect();
    let listed = match classes {
        0 => String::new(),
        _ => format!("classes = {names:?}\n"),
    };
    fs::write(
        folder.join("competition.toml"),
        format!(
            "slug = \"case\"\ntitle = \"T\"\nsummary = \"S\"\nopens_at = 2026-01-01\n\
             [task]\nkind = \"{kind}\"\ntarget = \"y\"\n{listed}\
             [metric]\nname = \"{metric}\"\nbenchmark = 0.5\n\
             [entries]\nkinds = [\"script\"]\n[measuring]\nwindow = \"total\"\n\
             [[starter]]\nfile = \"starter/a.zip\"\nteam = \"Host\"\nreference = true\n"
        ),
    )?;
    fs::create_dir(folder.join("hidden"))?;
    let mut solution = BufWriter::new(File::create(folder.join("hidden/solution.csv"))?);
    let mut submission = BufWriter::new(File::create(folder.join("submission.csv"))?);
    let columns = match (kind, classes) {
        ("probability", CLASSES) => names.join(","),
        _ => "y".to_owned(),
    };
    writeln!(solution, "id,y,Usage")?;
    writeln!(submission, "id,{columns}")?;
    for id in 0..ROWS {
        let usage = if random.share() < 0.3 {
            "Public"
        } else {
            "Private"
        };
        let class = (random.share() * classes as f64) as usize;
        let (actual, predicted) = match (kind, classes) {
            ("label", _) => {
                let other = (random.share() * classes as f64) as usize;
                let predicted = if random.share() < 0.7 { class } else { other };
                (class.to_string(), predicted.to_string())
            }
            ("probability", CLASSES) => (class.to_string(), random.probabilities(class)),
            ("probability", _) => {
                let score = (random.share() + 0.3 * class as f64) / 1.3;
                (class.to_string(), score.to_string())
            }
            _ => {
                let value = 1000.0 * random.share();
                (value.to_string(), (value + random.share()).to_string())
            }
        };
        writeln!(solution, "{id},{actual},{usage}")?;
        writeln!(submission, "{id},{predicted}")?;
    }
    solution.flush()?;
    submission.flush()?;
    Ok(())
}

/// The same submission as data frames write it in Parquet: ids and labels as text, the rest as numbers.
pub fn write_parquet(folder: &Path) -> Outcome<()> {
    let rules = fs::read_to_string(folder.join("competition.toml"))?;
    let has_labels = rules.contains(r#"kind = "label""#);
    let csv = fs::read_to_string(folder.join("submission.csv"))?;
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let is_text = |at: usize| at == 0 || has_labels;
    let declared = names
        .iter()
        .enumerate()
        .map(|(at, name)| match is_text(at) {
            true => format!("required binary {name} (utf8); "),
            false => format!("required double {name}; "),
        });
    let schema = format!("message m {{ {} }}", declared.collect::<String>());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let mut writer = SerializedFileWriter::new(
        File::create(folder.join("submission.parquet"))?,
        Arc::new(parse_message_type(&schema)?),
        Arc::new(properties.build()),
    )?;
    let mut group = writer.next_row_group()?;
    for at in 0..names.len() {
        let mut column = group.next_column()?.ok_or("a column is missing")?;
        let cells = rows.iter().map(|row| row[at]);
        if is_text(at) {
            let texts: Vec<ByteArray> = cells.map(ByteArray::from).collect();
            let typed = column.typed::<ByteArrayType>();
            typed.write_batch(&texts, None, None)?;
        } else {
            let numbers: Vec<f64> = cells.map(str::parse).collect::<Result<_, _>>()?;
            let typed = column.typed::<DoubleType>();
            typed.write_batch(&numbers, None, None)?;
        }
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

/// Marsaglia's xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    /// From 0 to below 1, with all digits of a double.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A line of them, where one class is more likely.
    fn probabilities(&mut self, class: usize) -> String {
        let mut weights: Vec<f64> = (0..CLASSES).map(|_| self.share() + 0.001).collect();
        weights[class] += 2.0;
        let sum: f64 = weights.iter().sum();
        let texts: Vec<String> = weights
            .iter()
            .map(|weight| (weight / sum).to_string())
            .collect();
        texts.join(",")
    }
}
