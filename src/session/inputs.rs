//! The test inputs as entries read them: arrays for the harness, whose row ids stay outside, and the
//! competition's files for scripts.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Serialize;

use super::SessionError;
use super::batches::Rows;
use crate::domain::competition::{CompetitionSpec, EntryKind, TaskKind};
use crate::domain::slug::Slug;
use crate::domain::table::{Column, Table, Values};
use crate::sandbox::{self, SandboxError};

/// The array of all numeric columns, in file order.
const FEATURES: &str = "features";

#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    #[error("cannot write the test inputs to {}: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Inputs that lie ready in a folder, for every kind that the competition takes.
#[derive(Debug, Clone)]
pub struct Inputs {
    folder: PathBuf,
    slug: Slug,
    rows: usize,
    columns: usize,
    called: Option<Called>,
}

/// What functions are called with: nothing of it lies in a folder but the public files.
#[derive(Debug, Clone)]
struct Called {
    rows: Rc<Rows>,
    sample: Rc<Rows>,
    public: PathBuf,
    placeholders: Vec<String>,
}

/// What functions get beside the table itself.
#[derive(Debug, Clone, Copy)]
pub struct Calling<'a> {
    /// The table of the public sample, with which each is called first.
    pub sample: &'a Table,
    /// Stand for the predictions of a row where none are known yet.
    pub placeholders: &'a [String],
}

/// What scripts find in `/kaggle/input/<slug>/`.
#[derive(Debug, Clone, Copy)]
pub struct ScriptFiles<'a> {
    /// A folder with the files that participants download.
    pub public: &'a Path,
    /// These take the place of public files of the same name.
    pub test: (&'a str, &'a [u8]),
    pub sample_submission: (&'a str, &'a [u8]),
}

#[derive(Serialize)]
struct Plan<'a> {
    rows: usize,
    batch_size: u32,
    threads: u32,
    arrays: Vec<Array<'a>>,
    task: PlannedTask<'a>,
}

#[derive(Serialize)]
struct Array<'a> {
    name: &'a str,
    file: String,
    /// The most digits that a decimal of it was written with: up to 6 survive as float32.
    significant_digits: Option<u32>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum PlannedTask<'a> {
    Label {
        classes: &'a [String],
        columns: Vec<&'a str>,
    },
    Probability {
        classes: &'a [String],
        columns: Vec<&'a str>,
    },
    Value {
        columns: Vec<&'a str>,
    },
}

impl Inputs {
    /// Writes the inputs into a folder that must not exist yet: a table's arrays, and the files of
    /// scripts. They can be read by everybody who finds the way there.
    pub fn write(
        folder: &Path,
        table: &Table,
        files: &ScriptFiles<'_>,
        calling: Calling<'_>,
        spec: &CompetitionSpec,
    ) -> Result<Inputs, InputsError> {
        let mut inputs = Inputs {
            folder: folder.to_owned(),
            slug: spec.slug.clone(),
            rows: table.rows(),
            called: None,
            columns: spec.task.predicted_columns().len(),
        };
        let kinds = &spec.entries.kinds;
        if kinds.iter().any(|kind| kind.is_model()) {
            write_arrays(&inputs.arrays(), table, spec)?;
        }
        if kinds.contains(&EntryKind::Predict) {
            sandbox::warm(files.public)?;
            inputs.called = Some(Called {
                rows: Rc::new(Rows::new(table, &spec.task.id)),
                sample: Rc::new(Rows::new(calling.sample, &spec.task.id)),
                public: files.public.to_owned(),
                placeholders: calling.placeholders.to_vec(),
            });
        }
        if kinds.contains(&EntryKind::Script) {
            let files_folder = inputs.files();
            write_files(&files_folder, files).map_err(|source| InputsError::Write {
                path: files_folder,
                source,
            })?;
        }
        // Read once, so that no sandbox is charged for the page cache.
        if folder.exists() {
            sandbox::warm(folder)?;
        }
        Ok(inputs)
    }

    /// What functions are called with.
    pub(super) fn test_rows(&self) -> Result<&Rows, SessionError> {
        self.called().map(|called| called.rows.as_ref())
    }

    pub(super) fn sample_rows(&self) -> Result<&Rows, SessionError> {
        self.called().map(|called| called.sample.as_ref())
    }

    /// What participants download.
    pub(super) fn public(&self) -> Result<&Path, SessionError> {
        self.called().map(|called| called.public.as_path())
    }

    pub(super) fn placeholders(&self) -> Result<&[String], SessionError> {
        self.called().map(|called| called.placeholders.as_slice())
    }

    fn called(&self) -> Result<&Called, SessionError> {
        let missing =
            || SessionError::Harness("the inputs are not laid out for functions".to_owned());
        self.called.as_ref().ok_or_else(missing)
    }

    /// The arrays, with the plan that tells the harness of them.
    pub fn arrays(&self) -> PathBuf {
        self.folder.join("arrays")
    }

    /// The files of scripts.
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    pub fn slug(&self) -> &str {
        self.slug.as_str()
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many cells a file of predictions has, its line of column names counted.
    pub fn predicted_cells(&self) -> u64 {
        (1 + self.rows as u64) * self.columns as u64
    }
}

fn write_arrays(folder: &Path, table: &Table, spec: &CompetitionSpec) -> Result<(), InputsError> {
    let failed = |source| InputsError::Write {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut arrays = Vec::new();
    let numeric: Vec<&Column> = table
        .columns
        .iter()
        .filter(|c| c.values.is_numeric())
        .collect();
    if !numeric.is_empty() {
        let array = Array {
            name: FEATURES,
            file: "features.npy".to_owned(),
            significant_digits: digits(&numeric),
        };
        write_file(&folder.join(&array.file), &npy(&numeric, table.rows())).map_err(failed)?;
        arrays.push(array);
    }
    for (number, column) in table.columns.iter().enumerate() {
        let array = Array {
            name: &column.name,
            file: format!("column_{number}.npy"),
            significant_digits: digits(&[column]),
        };
        write_file(&folder.join(&array.file), &npy(&[column], table.rows())).map_err(failed)?;
        arrays.push(array);
    }
    let classes = &spec.task.classes;
    let columns = spec.task.harness_columns();
    let plan = Plan {
        rows: table.rows(),
        batch_size: spec.entries.batch_size,
        threads: spec.limits.cpus,
        arrays,
        task: match spec.task.kind {
            TaskKind::Label => PlannedTask::Label { classes, columns },
            TaskKind::Probability => PlannedTask::Probability { classes, columns },
            // A competition of lists or texts takes no models, and is refused where it does.
            TaskKind::Value | TaskKind::List | TaskKind::Text => PlannedTask::Value { columns },
        },
    };
    let plan = serde_json::to_vec(&plan).expect("a plan is texts and numbers");
    write_file(&folder.join("plan.json"), &plan).map_err(failed)?;
    Ok(())
}

fn write_files(folder: &Path, files: &ScriptFiles<'_>) -> std::io::Result<()> {
    link_all(files.public, folder)?;
    for (name, bytes) in [files.test, files.sample_submission] {
        let path = folder.join(name);
        // What is there is the same file as in other folders, and must not be written to.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => write_file(&path, bytes)?,
        }
    }
    Ok(())
}

/// The same files in another folder, without a second copy of their bytes.
fn link_all(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_all(&entry.path(), &target)?;
        } else {
            fs::hard_link(entry.path(), target)?;
        }
    }
    Ok(())
}

/// `None` unless a column has decimals.
fn digits(columns: &[&Column]) -> Option<u32> {
    columns
        .iter()
        .filter_map(|column| match column.values {
            Values::Decimals {
                significant_digits, ..
            } => Some(significant_digits),
            Values::Arrays(ref arrays) => arrays.significant_digits(),
            Values::Integers(_) | Values::Text(_) => None,
        })
        .max()
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)
}

/// Columns side by side as numpy's file format, version 1.0 (NEP 1): [rows, columns], in C order.
/// All integers make int64, numbers float64; one column of text fixed-width UCS-4; one of arrays stays
/// as it is.
fn npy(columns: &[&Column], rows: usize) -> Vec<u8> {
    let mut per_row = vec![columns.len() as u64];
    let (dtype, cells) = match columns {
        [
            Column {
                values: Values::Arrays(arrays),
                ..
            },
        ] => {
            per_row = arrays.axes().to_vec();
            let descr = arrays.element().descr();
            (descr.to_owned(), Cow::Borrowed(arrays.bytes()))
        }
        [
            Column {
                values: Values::Text(texts),
                ..
            },
        ] => text_cells(texts),
        numbers => number_cells(numbers, rows),
    };
    let axes: String = per_row.iter().map(|axis| format!("{axis}, ")).collect();
    let mut header = format!(
        "{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({rows}, {}), }}",
        axes.trim_end_matches([',', ' '])
    );
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    // Padded with spaces so that the data begins at a multiple of 64.
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.extend(std::iter::repeat_n(
        ' ',
        unpadded.next_multiple_of(64) - unpadded,
    ));
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a header is some hundred bytes");
    [MAGIC, &length.to_le_bytes(), header.as_bytes(), &cells].concat()
}

fn number_cells(columns: &[&Column], rows: usize) -> (String, Cow<'static, [u8]>) {
    let integers: Option<Vec<&[i64]>> = columns
        .iter()
        .map(|column| match &column.values {
            Values::Integers(values) => Some(values.as_slice()),
            Values::Decimals { .. } | Values::Text(_) | Values::Arrays(_) => None,
        })
        .collect();
    if let Some(integers) = integers {
        return (
            "<i8".to_owned(),
            row_by_row(&integers, rows, i64::to_le_bytes).into(),
        );
    }
    let numbers: Vec<Vec<f64>> = columns
        .iter()
        .map(|column| match &column.values {
            Values::Integers(values) => values.iter().map(|value| *value as f64).collect(),
            Values::Decimals { values, .. } => values.clone(),
            Values::Text(_) | Values::Arrays(_) => {
                unreachable!("only numeric columns stand side by side")
            }
        })
        .collect();
    let numbers: Vec<&[f64]> = numbers.iter().map(Vec::as_slice).collect();
    (
        "<f8".to_owned(),
        row_by_row(&numbers, rows, f64::to_le_bytes).into(),
    )
}

fn row_by_row<T: Copy>(columns: &[&[T]], rows: usize, bytes: fn(T) -> [u8; 8]) -> Vec<u8> {
    let mut cells = Vec::with_capacity(rows * columns.len() * 8);
    for row in 0..rows {
        for column in columns {
            cells.extend_from_slice(&bytes(column[row]));
        }
    }
    cells
}

fn text_cells(texts: &[String]) -> (String, Cow<'static, [u8]>) {
    let width = texts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(1);
    let mut cells = Vec::with_capacity(texts.len() * width * 4);
    for text in texts {
        let mut length = 0;
        for c in text.chars() {
            cells.extend_from_slice(&u32::from(c).to_le_bytes());
            length += 1;
        }
        cells.resize(cells.len() + (width - length) * 4, 0);
    }
    (format!("<U{width}"), cells.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, values: Values) -> Column {
        Column {
            name: name.to_owned(),
            values,
        }
    }

    #[test]
    fn numbers_lie_row_by_row_behind_a_header_of_whole_lines() {
        let a = column("a", Values::Integers(vec![1, 2]));
        let b = column(
            "b",
            Values::Decimals {
                values: vec![0.5, -0.5],
                significant_digits: 1,
            },
        );
        let bytes = npy(&[&a, &b], 2);
        let header_length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let data = &bytes[10 + header_length..];
        assert_eq!((10 + header_length) % 64, 0);
        assert!(String::from_utf8_lossy(&bytes).contains("'descr': '<f8'"));
        assert!(String::from_utf8_lossy(&bytes).contains("'shape': (2, 2)"));
        let numbers: Vec<f64> = data
            .chunks_exact(8)
            .map(|cell| f64::from_le_bytes(cell.try_into().unwrap()))
            .collect();
        assert_eq!(numbers, [1.0, 0.5, 2.0, -0.5]);
    }

    #[test]
    fn text_is_as_wide_as_its_longest_cell() {
        let texts = column("t", Values::Text(vec!["é".into(), "ab".into()]));
        let bytes = npy(&[&texts], 2);
        assert!(String::from_utf8_lossy(&bytes).contains("'<U2'"));
        assert_eq!(
            &bytes[bytes.len() - 16..],
            [0xe9, 0, 0, 0, 0, 0, 0, 0, b'a', 0, 0, 0, b'b', 0, 0, 0]
        );
    }
}
