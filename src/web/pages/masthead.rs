//! The head of a competition's pages: its name, whether it is open, and its tabs.

use chrono::{DateTime, Utc};

use super::figures::Moment;
use crate::domain::competition::CompetitionSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Leaderboard,
    Overview,
    Data,
    Submit,
    Submissions,
}

impl Tab {
    const ALL: [Tab; 5] = [
        Tab::Leaderboard,
        Tab::Overview,
        Tab::Data,
        Tab::Submit,
        Tab::Submissions,
    ];

    fn title(self) -> &'static str {
        match self {
            Tab::Leaderboard => "Leaderboard",
            Tab::Overview => "Overview",
            Tab::Data => "Data",
            Tab::Submit => "Submit",
            Tab::Submissions => "My submissions",
        }
    }

    /// What its address has behind the competition's own.
    fn path(self) -> &'static str {
        match self {
            Tab::Leaderboard => "",
            Tab::Overview => "/overview",
            Tab::Data => "/data",
            Tab::Submit => "/submit",
            Tab::Submissions => "/submissions",
        }
    }
}

/// Whether a competition takes submissions at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    OpensAt(DateTime<Utc>),
    Open { closes_at: Option<DateTime<Utc>> },
    ClosedAt(DateTime<Utc>),
}

impl Stage {
    pub fn of(spec: &CompetitionSpec, now: DateTime<Utc>) -> Stage {
        match spec.closes_at {
            _ if now < spec.opens_at => Stage::OpensAt(spec.opens_at),
            Some(closes_at) if closes_at <= now => Stage::ClosedAt(closes_at),
            closes_at => Stage::Open { closes_at },
        }
    }

    pub fn is_open(self) -> bool {
        match self {
            Stage::Open { .. } => true,
            Stage::OpensAt(_) | Stage::ClosedAt(_) => false,
        }
    }

    /// Whether it has not opened yet.
    pub fn is_ahead(self) -> bool {
        match self {
            Stage::OpensAt(_) => true,
            Stage::Open { .. } | Stage::ClosedAt(_) => false,
        }
    }

    /// What a person reads before the date, or alone where there is none.
    pub fn label(self) -> &'static str {
        match self {
            Stage::OpensAt(_) => "opens",
            Stage::Open { closes_at: Some(_) } => "open until",
            Stage::Open { closes_at: None } => "open, no deadline",
            Stage::ClosedAt(_) => "closed",
        }
    }

    pub fn date(self) -> Option<Moment> {
        match self {
            Stage::OpensAt(at) | Stage::ClosedAt(at) => Some(Moment(at)),
            Stage::Open { closes_at } => closes_at.map(Moment),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Masthead {
    pub spec: CompetitionSpec,
    pub stage: Stage,
    tab: Tab,
}

impl Masthead {
    pub fn new(spec: &CompetitionSpec, now: DateTime<Utc>, tab: Tab) -> Masthead {
        Masthead {
            spec: spec.clone(),
            stage: Stage::of(spec, now),
            tab,
        }
    }

    pub fn address(&self) -> String {
        format!("/competitions/{}", self.spec.slug)
    }

    /// Title, address and whether it is the tab of this page.
    pub fn tabs(&self) -> Vec<(&'static str, String, bool)> {
        Tab::ALL
            .into_iter()
            .map(|tab| {
                let address = format!("{}{}", self.address(), tab.path());
                (tab.title(), address, tab == self.tab)
            })
            .collect()
    }
}
