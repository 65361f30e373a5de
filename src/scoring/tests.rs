use super::*;
use crate::domain::competition::CompetitionSpec;

fn spec(rules: &str) -> CompetitionSpec {
    let text = format!(
        "slug = 'ab'\ntitle = 'AB'\nsummary = ''\nopens_at = '2026-01-01T00:00:00Z'\nstarter = []\n\
         {rules}"
    );
    toml::from_str(&text).unwrap()
}

fn digits() -> CompetitionSpec {
    spec(
        "task = { kind = 'label', target = 'label', classes = ['0', '1', 'NA', '07'] }\n\
         metric = { name = 'accuracy', benchmark = 0.25 }",
    )
}

fn prices() -> CompetitionSpec {
    spec(
        "task = { kind = 'value', target = 'price' }\n\
         metric = { name = 'rmsle', benchmark = 1 }",
    )
}

fn solution(spec: &CompetitionSpec, answers: [&str; 4]) -> Solution {
    let ids = ["1", "2", "3", "4"].map(str::to_owned);
    let usages = ["Public", "Private", "Public", "Private"];
    let mut text = format!("id,{},Usage\n", spec.task.target);
    for ((id, answer), usage) in ids.iter().zip(answers).zip(usages) {
        text += &format!("{id},{answer},{usage}\n");
    }
    Solution::read(text.as_bytes(), spec, &ids).unwrap()
}

fn parse(spec: &CompetitionSpec, text: &str) -> Result<Predictions, (&'static str, String)> {
    Predictions::parse(text.as_bytes(), spec, 4).map_err(|bad| (bad.fault.as_str(), bad.message))
}

fn scores(public: f64, private: f64, all: f64) -> Scores {
    let score = |value| Score::new(value).unwrap();
    Scores {
        public: score(public),
        private: score(private),
        all: score(all),
    }
}

#[test]
fn labels_are_scored_as_text_on_each_split_and_on_both() {
    let spec = digits();
    let solution = solution(&spec, ["0", "NA", "07", "1"]);
    let predictions = parse(&spec, "prediction\n0\nNA\n07\n0\n").unwrap();
    assert_eq!(
        score(&spec, &solution, &predictions),
        Ok(scores(1.0, 0.5, 0.75))
    );
}

#[test]
fn values_are_scored_on_each_split_and_on_both() {
    let spec = prices();
    let solution = solution(&spec, ["3", "2.5", "5", "7"]);
    let predictions = parse(&spec, "prediction\n2.5\n4.0\n5e0\n8\n").unwrap();
    let found = score(&spec, &solution, &predictions).unwrap();
    // sklearn.metrics.root_mean_squared_log_error of scikit-learn 1.9.1.
    for (found, expected) in [
        (found.public, 0.094_420_953_226_083_21),
        (found.private, 0.265_602_954_729_546_2),
        (found.all, 0.199_324_165_581_08),
    ] {
        assert!((found.as_f64() - expected).abs() < 1e-15, "{found}");
    }
}

#[test]
fn predictions_that_cannot_be_scored_are_refused_and_never_repeated() {
    for (spec, text, code, beginning) in [
        (
            digits(),
            "",
            "columns",
            "The predictions are not a UTF-8 CSV",
        ),
        (
            digits(),
            "label\n0\n",
            "columns",
            "The predictions are not a UTF-8 CSV",
        ),
        (
            digits(),
            "prediction\n0,1\n",
            "columns",
            "The predictions are not a UTF-8 CSV",
        ),
        (
            digits(),
            "prediction\n0\n0\n0\n",
            "rows",
            "There are 3 predictions for 4 test rows.",
        ),
        (
            digits(),
            "prediction\n0\n0\n0\n0\n0\n",
            "rows",
            "There are 5 predictions for 4 test rows.",
        ),
        (
            digits(),
            "prediction\n0\n7\n0\n\"\"\n",
            "classes",
            "2 of 4 predictions cannot be used; the first of them is not in the competition's list",
        ),
        (
            prices(),
            "prediction\n0\n-0.1\n0\nx\n",
            "values",
            "2 of 4 predictions cannot be used; the first of them is negative, for which RMSLE",
        ),
        (
            prices(),
            "prediction\n0\nNaN\n0\n0\n",
            "values",
            "1 of 4 predictions cannot be used; the first of them is NaN or infinite.",
        ),
        (
            prices(),
            "prediction\n0\nsecret\n0\n0\n",
            "values",
            "1 of 4 predictions cannot be used; the first of them is not a number.",
        ),
    ] {
        let (found, message) = parse(&spec, text).unwrap_err();
        assert_eq!(found, code, "{text:?}");
        assert!(message.starts_with(beginning), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
    let not_utf8 = Predictions::parse(b"prediction\n\xff\n", &digits(), 1).unwrap_err();
    assert_eq!(not_utf8.fault, PredictionsFault::Columns);
}

#[test]
fn a_solution_of_another_competition_is_our_error() {
    let predictions = parse(&prices(), "prediction\n1\n2\n3\n4\n").unwrap();
    let solution = solution(&digits(), ["0", "NA", "07", "1"]);
    assert_eq!(
        score(&prices(), &solution, &predictions),
        Err(ScoreError::KindsDiffer(Metric::Rmsle))
    );
}
