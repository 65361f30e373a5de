//! What the door check of an upload costs, which reads a model's structure and skips its weights.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use leanboard::domain::units::Bytes;
use leanboard::entries::onnx;
use tempfile::NamedTempFile;

use crate::report::{heading, line, milliseconds, quantile};
use crate::wire::{bytes, number, varint};
use crate::{Outcome, process};

/// The largest entry that the demo takes.
const SIZE: usize = 100 << 20;
const ROUNDS: usize = 5;

pub fn run(runtime: &Path) -> Outcome<()> {
    let weights = write(&model_of_weights())?;
    let nodes = write(&model_of_nodes())?;
    heading(
        &format!("Door check of a model of 100 MB, fastest of {ROUNDS}"),
        &["ms", "MB/s", "memory, MiB"],
    );
    let figures = |name: &str, time: Duration, bytes_read: Option<u64>, memory: Option<f64>| {
        line(
            name,
            &[
                format!("{:.2}", milliseconds(time)),
                bytes_read.map_or_else(String::new, |bytes| {
                    format!("{:.0}", bytes as f64 / 1e6 / time.as_secs_f64())
                }),
                memory.map_or_else(String::new, |mib| format!("{mib:.1}")),
            ],
        );
    };
    for (name, file, is_taken) in [
        ("check: 25 layers, their weights skipped", &weights, true),
        ("check: 8 million nodes, refused at the cap", &nodes, false),
    ] {
        let bytes = file.as_file().metadata()?.len();
        let mut fastest = Duration::MAX;
        let resident = Resident::start()?;
        for _ in 0..ROUNDS {
            let opened = File::open(file.path())?;
            let begun = Instant::now();
            let checked = onnx::check(opened, Bytes::new(bytes))?;
            fastest = fastest.min(begun.elapsed());
            if checked.is_ok() != is_taken {
                return Err(format!("{name}: {:?}", checked.err()).into());
            }
        }
        figures(name, fastest, None, Some(resident.grown_mib()?));
    }
    let bytes = weights.as_file().metadata()?.len();
    let mut reads = Vec::new();
    for _ in 0..ROUNDS {
        let mut opened = File::open(weights.path())?;
        let begun = Instant::now();
        io::copy(&mut opened, &mut Counted(0))?;
        reads.push(begun.elapsed().as_secs_f64());
    }
    let read = Duration::from_secs_f64(quantile(&reads, 0.0));
    figures("compare: reading its bytes once", read, Some(bytes), None);
    let (time, memory) = build_with_onnxruntime(runtime, weights.path())?;
    figures(
        "compare: onnxruntime builds it",
        time,
        Some(bytes),
        Some(memory),
    );
    Ok(())
}

/// A writer that only counts, and is not recognised as one by `io::copy`.
struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the check spares the web server: building the model, in a process of its own.
fn build_with_onnxruntime(runtime: &Path, model: &Path) -> Outcome<(Duration, f64)> {
    const SCRIPT: &str = "
import sys, time
import onnxruntime
def resident_kib(key):
    return int(next(l for l in open('/proc/self/status') if l.startswith(key)).split()[1])
before = resident_kib('VmRSS')
start = time.perf_counter()
onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
print(time.perf_counter() - start, (resident_kib('VmHWM') - before) / 1024)
";
    let mut python = Command::new(runtime.join("bin/python"));
    python.args(["-I", "-c", SCRIPT]).arg(model);
    let printed = process::output(&mut python)?;
    let (seconds, memory) = printed.trim().split_once(' ').ok_or("no two figures")?;
    Ok((Duration::from_secs_f64(seconds.parse()?), memory.parse()?))
}

/// Watches how far the memory of this process grows.
struct Resident {
    before_kib: f64,
}

impl Resident {
    fn start() -> Outcome<Resident> {
        // Sets the peak back to what is resident now.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Resident {
            before_kib: read_status_kib("VmHWM:")?,
        })
    }

    fn grown_mib(&self) -> Outcome<f64> {
        Ok((read_status_kib("VmHWM:")? - self.before_kib) / 1024.0)
    }
}

fn read_status_kib(key: &str) -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(key));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(figure.ok_or("no such line in /proc/self/status")?.parse()?)
}

fn write(model: &[u8]) -> Outcome<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(model)?;
    Ok(file)
}

/// Matrices of 1024 × 1024 numbers, multiplied one after the other.
fn model_of_weights() -> Vec<u8> {
    const SIDE: usize = 1024;
    let layers = SIZE / (SIDE * SIDE * 4);
    let weights: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|number| ((number % 7) as f32 / 1e4).to_le_bytes())
        .collect();
    let mut graph = Vec::new();
    let mut value = "x".to_owned();
    for layer in 0..layers {
        let (weight, next) = (format!("w{layer}"), format!("v{layer}"));
        let node = [
            bytes(1, value.as_bytes()),
            bytes(1, weight.as_bytes()),
            bytes(2, next.as_bytes()),
            bytes(4, b"MatMul"),
        ];
        graph.extend(bytes(1, node.concat()));
        let side = varint(SIDE as u64);
        let tensor = [
            bytes(1, [side.clone(), side].concat()),
            number(2, 1),
            bytes(8, weight.as_bytes()),
            bytes(9, &weights),
        ];
        graph.extend(bytes(5, tensor.concat()));
        value = next;
    }
    model(graph, &value)
}

/// As many nodes as so many bytes can hold, of which the check reads no more than its cap.
fn model_of_nodes() -> Vec<u8> {
    let node = bytes(
        1,
        [bytes(1, b"x"), bytes(2, b"x"), bytes(4, b"Abs")].concat(),
    );
    model(node.repeat(SIZE / node.len() - 100), "x")
}

/// A graph with one input and one output of `[N, 1024]` numbers each, in a ModelProto.
fn model(mut graph: Vec<u8>, output: &str) -> Vec<u8> {
    graph.extend(bytes(11, value_info("x")));
    graph.extend(bytes(12, value_info(output)));
    [number(1, 8), bytes(8, number(2, 17)), bytes(7, graph)].concat()
}

fn value_info(name: &str) -> Vec<u8> {
    let axes = [bytes(1, bytes(2, b"N")), bytes(1, number(1, 1024))].concat();
    let tensor = [number(1, 1), bytes(2, axes)].concat();
    [bytes(1, name.as_bytes()), bytes(2, bytes(1, tensor))].concat()
}
