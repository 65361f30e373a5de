//! `leanboard leaderboard`: a board, for terminals and programs.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::client::documents::{LeaderboardDocument, LineDocument};
use super::client::table::{Column, lay_out, width_of_output};
use super::client::{self, Client, ClientError, in_plain_text, plain, result};
use super::output::{say, write};
use crate::config::ClientSettings;
use crate::domain::units::Bytes;
use crate::web::figures;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 if there was a board to show, 1 if the server refused or was \
    not reached, and 2 if an argument or a setting is wrong."
)]
pub struct Leaderboard {
    /// The competition's slug, as in its address
    competition: String,
    /// What is ranked
    #[arg(long, value_name = "BOARD", default_value = "efficiency")]
    board: Board,
    /// Print the server's JSON as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Board {
    Efficiency,
    Score,
}

impl Board {
    fn as_str(self) -> &'static str {
        match self {
            Board::Efficiency => "efficiency",
            Board::Score => "score",
        }
    }
}

impl Leaderboard {
    pub fn run(self) -> ExitCode {
        client::finish(self.show())
    }

    fn show(&self) -> Result<ExitCode, ClientError> {
        let client = Client::new(&self.client)?;
        let json = client.leaderboard(&self.competition, self.board.as_str())?;
        if self.json {
            write(&json)?;
            say("")?;
            return Ok(ExitCode::SUCCESS);
        }
        let board: LeaderboardDocument = serde_json::from_slice(&json)
            .map_err(|error| ClientError::Failed(format!("the board cannot be read: {error}")))?;
        for line in lines(&board, width_of_output()) {
            say(line)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn lines(board: &LeaderboardDocument, width: Option<usize>) -> Vec<String> {
    let formula = &board.formula;
    let mut lines = vec![format!(
        "{}: the {} board, by {} and {}",
        plain(&board.competition),
        plain(&board.board),
        result::metric_name(&formula.metric, formula.metric_title.as_deref()),
        result::cost_name(&formula.cost, &formula.window)
    )];
    if let Some(class) = &board.hardware_class {
        let others = match board.hardware_classes.len() {
            0 | 1 => String::new(),
            all => format!(", the fullest of {all} hardware classes"),
        };
        lines.push(format!("Measured on {}{others}", plain(class)));
    }
    if let Some(reason) = &formula.why_no_constants {
        lines.push(format!("No ranks yet: {}", plain(reason)));
    }
    let simulated = |line: &LineDocument| {
        let energy = line.energy.as_ref();
        energy.is_some_and(|energy| energy.simulated == Some(true))
    };
    if result::is_energy(&formula.cost) && board.standings.iter().any(simulated) {
        lines.push("The energy is simulated: it says nothing about these entries.".to_owned());
    }
    if board.standings.is_empty() {
        lines.push("Nothing is scored yet.".to_owned());
        return lines;
    }
    lines.push(String::new());
    let columns = [
        Column::right("rank"),
        Column::left("range").droppable(1),
        Column::left("team").cut(),
        Column::right("score"),
        Column::right("cost"),
        Column::right("efficiency"),
        Column::right("= score").droppable(3),
        Column::right("+ cost").droppable(3),
        Column::right("size").droppable(2),
        Column::right("entries").droppable(4),
    ];
    let rows: Vec<Vec<String>> = board.standings.iter().map(row).collect();
    lines.extend(lay_out(&columns, &rows, width));
    if board.standings.iter().any(|line| line.reference) {
        lines.push(String::new());
        lines.push("* the reference entry".to_owned());
    }
    lines
}

/// The ranks that what was measured leaves open.
fn range(line: &LineDocument) -> String {
    match line.rank_best.zip(line.rank_worst) {
        Some((best, worst)) if best == worst => format!("({best})"),
        Some((best, worst)) => format!("({best}–{worst})"),
        None => String::new(),
    }
}

fn row(line: &LineDocument) -> Vec<String> {
    let mark = if line.reference { " *" } else { "" };
    let efficiency = match (line.efficiency, line.unranked.as_deref()) {
        (Some(efficiency), _) => figures::efficiency(efficiency),
        (None, Some("below_benchmark")) => "below benchmark".to_owned(),
        (None, Some("other_tier" | "other_scope" | "simulated_apart")) => "not alike".to_owned(),
        (None, Some("modelled")) => "modelled".to_owned(),
        (None, _) => "none".to_owned(),
    };
    let term = |term: Option<f64>| term.map(figures::efficiency).unwrap_or_default();
    vec![
        line.rank.map_or("–".to_owned(), |rank| rank.to_string()),
        range(line),
        format!("{}{mark}", line.team),
        result::score(line.score),
        result::cost(&line.cost),
        efficiency,
        term(line.quality_term),
        term(line.cost_term),
        in_plain_text(&figures::bytes(Bytes::new(line.file_size_bytes))),
        line.entries.to_string(),
    ]
}
