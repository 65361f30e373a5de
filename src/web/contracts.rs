//! What a competition's entries are fed, read from the files that participants can download. A
//! competition never changes, so it is read once and kept.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::web;

use super::App;
use super::error::Error;
use crate::db;
use crate::db::competitions::{Competition, CompetitionFile};
use crate::domain::competition::CompetitionSpec;
use crate::domain::ids::CompetitionId;
use crate::domain::table::{ColumnKind, Table, TableFormat};

/// Where a bundle keeps its training data, if it does as the demos do.
pub const TRAIN: &str = "data/train.csv";
/// The longest line of column names that is read.
const HEADER_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug)]
pub struct Contract {
    /// All columns of the test inputs but the row id, in file order.
    pub columns: Vec<Column>,
    /// What participants can download.
    pub files: Vec<CompetitionFile>,
    /// Whether the training data has these columns and the target, so that a model can be made of it.
    pub has_training_data: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// As the public sample shows it, which the check of the bundle held to the test inputs.
    pub kind: ColumnKind,
}

impl Contract {
    /// All columns, as the door's check of models takes them.
    pub fn kinds(&self) -> Vec<(&str, ColumnKind)> {
        let columns = self.columns.iter();
        columns
            .map(|column| (column.name.as_str(), column.kind))
            .collect()
    }

    pub fn numeric(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.kind.is_numeric())
    }

    /// The type of the array of all numeric columns.
    pub fn features_type(&self) -> &'static str {
        let are_whole = self
            .numeric()
            .all(|column| matches!(column.kind, ColumnKind::Integers { .. }));
        if are_whole { "int64" } else { "float64" }
    }

    /// Whether all numbers are exact as float32.
    pub fn fits_float32(&self) -> bool {
        self.columns.iter().all(|column| match column.kind {
            ColumnKind::Integers { fit_float32 }
            | ColumnKind::Decimals { fit_float32 }
            | ColumnKind::Arrays { fit_float32, .. } => fit_float32,
            ColumnKind::Text => true,
        })
    }
}

#[derive(Default)]
pub struct Contracts(Mutex<HashMap<CompetitionId, Arc<Contract>>>);

impl Contracts {
    fn find(&self, competition: CompetitionId) -> Option<Arc<Contract>> {
        self.lock().get(&competition).cloned()
    }

    fn insert(&self, competition: CompetitionId, contract: Arc<Contract>) {
        self.lock().insert(competition, contract);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CompetitionId, Arc<Contract>>> {
        self.0
            .lock()
            .expect("no thread panics while it holds the contracts")
    }
}

/// What a competition's entries are fed.
///
/// # Errors
/// When its files cannot be read, which is our fault: they were checked when it was created.
pub async fn find(app: &App, competition: &Competition) -> Result<Arc<Contract>, Error> {
    if let Some(contract) = app.contracts.find(competition.id) {
        return Ok(contract);
    }
    let contract = Arc::new(read(app, competition).await?);
    app.contracts.insert(competition.id, Arc::clone(&contract));
    Ok(contract)
}

async fn read(app: &App, competition: &Competition) -> Result<Contract, Error> {
    let spec = &competition.spec;
    let files = db::competitions::list_public_files(&app.db, competition.id).await?;
    let file = |path: &str| files.iter().find(|file| file.path == path);
    let columns = match file(&spec.task.sample) {
        Some(sample) => {
            let bytes = app.store.read(&sample.digest).await?;
            let id = spec.task.id.clone();
            let format = TableFormat::of(&spec.task.sample);
            run_blocking(move || columns(format, &bytes, &id)).await??
        }
        None => Vec::new(),
    };
    let header = match file(TRAIN) {
        Some(train) => {
            let train = app.store.open(&train.digest).await?;
            run_blocking(move || first_line(train))
                .await?
                .map_err(|error| Error::Internal(format!("{TRAIN} cannot be read: {error}")))?
        }
        None => Vec::new(),
    };
    Ok(Contract {
        has_training_data: has_all(&header, spec, &columns),
        columns,
        files,
    })
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    web::block(work)
        .await
        .map_err(|error| Error::Internal(error.to_string()))
}

fn columns(format: TableFormat, sample: &[u8], id: &str) -> Result<Vec<Column>, Error> {
    let table = Table::read_as(format, sample, id)
        .map_err(|error| Error::Internal(format!("the public sample cannot be read: {error}")))?;
    let columns = table.columns.into_iter();
    Ok(columns
        .map(|column| Column {
            kind: column.values.kind(),
            name: column.name,
        })
        .collect())
}

fn first_line(file: impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut file = BufReader::new(file.take(HEADER_BYTES_MAX));
    file.read_until(b'\n', &mut line)?;
    Ok(line)
}

fn has_all(header: &[u8], spec: &CompetitionSpec, columns: &[Column]) -> bool {
    let mut reader = csv::Reader::from_reader(header);
    let Ok(names) = reader.headers() else {
        return false;
    };
    let has = |name: &str| names.iter().any(|column| column == name);
    !columns.is_empty()
        && spec.task.targets().iter().all(|target| has(target))
        && columns.iter().all(|column| has(&column.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_types_that_the_sample_shows() {
        let sample = b"id,carats,cut,price,big,long\n1,0.5,Good,12,16777217,0.1234567\n";
        let columns = columns(TableFormat::Csv, sample, "id").unwrap();
        let kinds: Vec<ColumnKind> = columns.iter().map(|column| column.kind).collect();
        assert_eq!(
            kinds,
            [
                ColumnKind::Decimals { fit_float32: true },
                ColumnKind::Text,
                ColumnKind::Integers { fit_float32: true },
                ColumnKind::Integers { fit_float32: false },
                ColumnKind::Decimals { fit_float32: false },
            ]
        );
        let contract = Contract {
            columns,
            files: Vec::new(),
            has_training_data: false,
        };
        assert_eq!(contract.features_type(), "float64");
        assert!(!contract.fits_float32());
        assert_eq!(contract.numeric().count(), 4);
    }

    #[test]
    fn training_data_that_cannot_be_read_is_not_taken_for_none() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        assert!(first_line(Broken).is_err());
        assert_eq!(first_line(&b"id,a\n1,2\n"[..]).unwrap(), b"id,a\n");
    }
}
