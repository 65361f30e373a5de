//! `leanboard metrics`: every built-in metric, as `docs/metrics.md` has them.

use super::Failure;
use super::output::say;
use crate::domain::competition::{Direction, Metric, Parameter, TaskKind};

const HEAD: &str = "\
# Metrics

<!-- Made by `leanboard metrics > docs/metrics.md`. -->

What `metric.name` can be, for each kind of task. Scores are computed on the public rows, the private rows and all of
them. Each metric is held to the function that it is named after, to a relative 10⁻¹²; where that function raises, warns
or has no number, the table says what happens here.

- **A split on which a metric is not defined** is refused with the bundle: no entry could be scored on it.
- **Predictions without a score** (all the same, for a correlation; so far off that the score is no finite number) are a
  failure with the code `undefined`. They never score 0.
- **Several targets** (`task.targets`) are possible for every metric of values: the score is the mean of theirs.
- **A metric of the host's own**, in Python by Kaggle's convention, is `name = \"custom\"`: see
  [hosting.md](hosting.md#a-metric-of-your-own).

`leanboard score FILE --competition BUNDLE` scores a file of predictions by a bundle's solution, without a server.
";

const PARAMETERS: &str = "\
## Parameters

Keys of `[metric]`. One that the metric does not take is a fault.

| key | what it is |
|---|---|
| `average` | how the figures of several classes become one: `\"macro\"`, where each class counts as much; `\"weighted\"`, by its rows; `\"micro\"`, all rows together; `\"binary\"`, that of one of two classes. Labels of two classes: by default `\"binary\"`; of more it must be said. Probabilities of three and more: by default `\"macro\"` |
| `positive` | for `\"binary\"`: the class that is looked for; by default the second |
| `beta` | how many times as much recall weighs as precision, above 0 |
| `weights` | `\"none\"`, the default, or `\"linear\"` |
| `alpha` | the quantile that is predicted, above 0 and below 1 |
| `k` | how many ids of a list count, 1 to 10,000 |
";

pub fn run() -> Result<(), Failure> {
    say(document().trim_end())
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for kind in TaskKind::ALL {
        text += &format!(
            "\n## `kind = \"{}\"`\n\n{}\n\n",
            kind.as_str(),
            of_kind(kind)
        );
        text += "| name | what it says | better | range | parameters | edges | the same as |\n";
        text += "|---|---|---|---|---|---|---|\n";
        let of_this = |metric: &Metric| metric.task_kind() == Some(kind);
        for metric in Metric::ALL.into_iter().filter(of_this) {
            text += &line(metric);
        }
    }
    text + "\n" + PARAMETERS
}

/// What is predicted, and how it stands in tables.
fn of_kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Label => {
            "One of `task.classes` for each row, as text, in the column `task.target`."
        }
        TaskKind::Value => {
            "A finite number for each row, in the column `task.target`, or in each of `task.targets`."
        }
        TaskKind::Probability => {
            "How likely each class is. The solution has the class itself, in `task.target`. A submission has \
             one column for each of `task.classes`, named like it, whose rows add up to 1 ± 0.001; of two \
             classes it has one column, `task.target`, with the probability of the second."
        }
        TaskKind::List => {
            "Ids for each row, separated by spaces, the best guess first, in the column `task.target`. The \
             solution has the right ones, in any order."
        }
        TaskKind::Text => "A text for each row, in the column `task.target`.",
    }
}

fn line(metric: Metric) -> String {
    let facts = metric.facts();
    let better = match metric.direction() {
        Some(Direction::HigherIsBetter) => "higher",
        Some(Direction::LowerIsBetter) => "lower",
        None => "as `metric.direction` says",
    };
    let parameter = |(parameter, is_needed): &(Parameter, bool)| match is_needed {
        true => format!("**`{}`**", parameter.as_str()),
        false => format!("`{}`", parameter.as_str()),
    };
    let parameters: Vec<String> = metric.parameters().iter().map(parameter).collect();
    format!(
        "| `{}` ({metric}) | {} | {better} | {} | {} | {} | {} |\n",
        metric.as_str(),
        facts.meaning,
        facts.range,
        parameters.join(", "),
        facts.edges,
        facts.source
    )
}
