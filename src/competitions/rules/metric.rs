//! Whether the metric fits the task, and its parameters the metric.

use crate::domain::competition::{
    Average, CompetitionSpec, Direction, Metric, MetricSpec, Parameter, Task, TaskKind,
};

pub fn check(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    let (metric, task) = (&spec.metric, &spec.task);
    let name = metric.name;
    if let Some(kind) = name.task_kind().filter(|kind| *kind != task.kind) {
        find(
            "metric.name",
            format!("{name} needs `task.kind = \"{}\"`", kind.as_str()),
        );
        return;
    }
    check_custom(metric, find);
    if name == Metric::Mcrmse && task.targets().len() < 2 {
        find(
            "metric.name",
            "MCRMSE is the mean over several columns: it needs `task.targets`; of one column it \
             is \"rmse\""
                .to_owned(),
        );
    }
    check_parameters(metric, find);
    check_average(metric, task, find);
    check_positive(metric, task, find);
    if metric.beta.is_some_and(|beta| beta <= 0.0) {
        find("metric.beta", "`metric.beta` must be above 0".to_owned());
    }
    if metric
        .alpha
        .is_some_and(|alpha| alpha <= 0.0 || alpha >= 1.0)
    {
        find(
            "metric.alpha",
            "`metric.alpha` is the quantile that is predicted, above 0 and below 1".to_owned(),
        );
    }
    check_benchmark(metric, find);
}

/// The keys that are for the host's own metric.
fn check_custom(metric: &MetricSpec, find: &mut impl FnMut(&str, String)) {
    if metric.is_custom() {
        if metric.direction.is_none() {
            find(
                "metric.name",
                "\"custom\" needs `metric.direction`, \"maximize\" or \"minimize\"".to_owned(),
            );
        }
        for name in metric.params.keys() {
            if matches!(
                name.as_str(),
                "solution" | "submission" | "row_id_column_name"
            ) {
                find(
                    &format!("metric.params.{name}"),
                    format!("`score` is given `{name}` already"),
                );
            }
        }
        return;
    }
    for (key, is_there) in [
        ("direction", metric.direction.is_some()),
        ("title", metric.title.is_some()),
        ("params", !metric.params.is_empty()),
        ("time_s", metric.time_s.is_some()),
    ] {
        if is_there {
            find(
                &format!("metric.{key}"),
                format!("`metric.{key}` is for `metric.name = \"custom\"`"),
            );
        }
    }
}

fn check_parameters(metric: &MetricSpec, find: &mut impl FnMut(&str, String)) {
    let name = metric.name;
    for parameter in Parameter::ALL {
        let key = parameter.as_str();
        let is_taken = |name: &Metric| {
            name.parameters()
                .iter()
                .any(|(taken, _)| *taken == parameter)
        };
        if metric.has(parameter) && !is_taken(&name) {
            let takers: Vec<&str> = Metric::ALL
                .into_iter()
                .filter(is_taken)
                .map(Metric::as_str)
                .collect();
            find(
                &format!("metric.{key}"),
                format!(
                    "{name} does not take `metric.{key}`, which is for {}",
                    takers.join(", ")
                ),
            );
        }
        let is_needed = name.parameters().contains(&(parameter, true));
        if is_needed && !metric.has(parameter) {
            let what = match parameter {
                Parameter::Beta => "how many times as much recall weighs as precision",
                Parameter::K => "how many ids of a list count",
                Parameter::Alpha => "the quantile that is predicted, such as 0.9",
                Parameter::Average => "how the classes' figures become one",
                Parameter::Positive => "the class that is looked for",
                Parameter::Weights => "how much a wrong class counts",
            };
            find(
                "metric.name",
                format!("{name} needs `metric.{key}`, {what}"),
            );
        }
    }
}

fn check_average(metric: &MetricSpec, task: &Task, find: &mut impl FnMut(&str, String)) {
    let name = metric.name;
    let takes_average = name.parameters().contains(&(Parameter::Average, false));
    if !takes_average {
        return;
    }
    let is_of_two = task.classes.len() == 2;
    match (task.kind, metric.average) {
        (TaskKind::Probability, Some(_)) if is_of_two => find(
            "metric.average",
            format!(
                "of two classes {name} is that of the second one alone: `metric.average` is for \
                 three and more"
            ),
        ),
        (TaskKind::Probability, Some(Average::Binary)) => find(
            "metric.average",
            format!(
                "\"binary\" is for two classes; of {} {name} takes \"macro\", \"micro\" or \
                 \"weighted\"",
                task.classes.len()
            ),
        ),
        (TaskKind::Label, Some(Average::Binary)) if !is_of_two => find(
            "metric.average",
            format!(
                "\"binary\" is the figure of one of two classes; this task has {}",
                task.classes.len()
            ),
        ),
        (TaskKind::Label, None) if !is_of_two => find(
            "metric.name",
            format!(
                "of {} classes {name} needs `metric.average`: \"macro\", where each class counts as \
                 much, \"weighted\", by its rows, or \"micro\", all rows together",
                task.classes.len()
            ),
        ),
        (
            TaskKind::Probability
            | TaskKind::Label
            | TaskKind::Value
            | TaskKind::List
            | TaskKind::Text,
            _,
        ) => {}
    }
}

fn check_positive(metric: &MetricSpec, task: &Task, find: &mut impl FnMut(&str, String)) {
    let Some(positive) = &metric.positive else {
        return;
    };
    if !task.classes.contains(positive) {
        find(
            "metric.positive",
            format!("`{positive}` is not in `task.classes`"),
        );
    } else if metric.positive_class(task).is_none()
        && metric
            .name
            .parameters()
            .contains(&(Parameter::Positive, false))
    {
        find(
            "metric.positive",
            "`metric.positive` is for the figure of one of two classes, and this one is an average \
             over all"
                .to_owned(),
        );
    }
}

fn check_benchmark(metric: &MetricSpec, find: &mut impl FnMut(&str, String)) {
    let (name, benchmark) = (metric.name, metric.benchmark);
    let Some(perfect) = name.perfect() else {
        return;
    };
    let (is_reachable, range) = match (metric.direction(), name.worst()) {
        (Direction::HigherIsBetter, Some(worst)) => (
            (worst..perfect).contains(&benchmark),
            format!("from {worst} to below {perfect}"),
        ),
        (Direction::HigherIsBetter, None) => (benchmark < perfect, format!("below {perfect}")),
        (Direction::LowerIsBetter, _) => (benchmark > perfect, format!("above {perfect}")),
    };
    if !is_reachable {
        find(
            "metric.benchmark",
            format!("`metric.benchmark` must be {range}, or nothing could be better than it"),
        );
    }
}
