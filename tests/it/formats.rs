//! Formats beside CSV: what scripts leave, and what competitions feed.

use std::fs;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::scripts::zip_of;
use crate::support::{App, Bundle, at, root};

/// A submission in Parquet: ids, and one price for each, or none.
fn submission(rows: &[(&str, Option<f64>)], column: &str) -> Vec<u8> {
    let schema = format!("message m {{ required binary id (utf8); optional double {column}; }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let ids: Vec<ByteArray> = rows.iter().map(|row| row.0.into()).collect();
    let mut written = group.next_column().unwrap().unwrap();
    let typed = written.typed::<ByteArrayType>();
    typed.write_batch(&ids, None, None).unwrap();
    written.close().unwrap();
    let prices: Vec<f64> = rows.iter().filter_map(|row| row.1).collect();
    let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
    let mut written = group.next_column().unwrap().unwrap();
    let typed = written.typed::<DoubleType>();
    typed.write_batch(&prices, Some(&levels), None).unwrap();
    written.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// The first column of a file of the demo of prices.
fn ids_of(path: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("demo/diamonds").join(path)).unwrap();
    let ids = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap());
    ids.map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A script that leaves these bytes for the public sample and, where they differ, for the test inputs.
fn leaving(name: &str, sample: &[u8], test: &[u8]) -> Vec<u8> {
    let (sample, test) = (hex(sample), hex(test));
    let main = format!(
        "rows = sum(1 for _ in open('/kaggle/input/diamonds/test.csv'))\n\
         open('{name}', 'wb').write(bytes.fromhex('{sample}' if rows < 1000 else '{test}'))\n"
    );
    zip_of("main.py", &main)
}

#[tokio::test]
async fn a_script_may_leave_parquet_and_is_scored_as_with_csv() {
    let app = App::with(&Bundle::prices()).await;
    let ada = app.person("ada");
    let all = |path: &str| {
        let ids = ids_of(path);
        // Whole numbers, which CSV and Parquet hold alike; the last row first.
        let rows = ids.iter().rev().enumerate();
        let rows = rows.map(|(at, id)| (id.clone(), 1000.0 + (at % 7) as f64));
        rows.collect::<Vec<(String, f64)>>()
    };
    let (sample, test) = (all("data/sample_test.csv"), all("hidden/test.csv"));
    let parquet = |rows: &[(String, f64)]| {
        let rows = rows.iter().map(|(id, price)| (id.as_str(), Some(*price)));
        submission(&rows.collect::<Vec<_>>(), "price")
    };
    let csv = |rows: &[(String, f64)]| {
        let lines = rows.iter().map(|(id, price)| format!("{id},{price}\n"));
        format!("id,price\n{}", lines.collect::<String>()).into_bytes()
    };
    let left = leaving("submission.parquet", &parquet(&sample), &parquet(&test));
    let as_parquet = ada.submitted_to("diamonds", left).await;
    let left = leaving("submission.csv", &csv(&sample), &csv(&test));
    let as_csv = ada.submitted_to("diamonds", left).await;
    app.run_all_jobs().await;

    let mut scores = Vec::new();
    for id in [as_parquet, as_csv] {
        let scored = ada.submission(&id).await;
        assert_eq!(scored["status"], "scored", "{scored:#}");
        scores.push(at(&scored, "/result/score").as_f64().unwrap());
    }
    assert!(scores[0] > 0.5, "{scores:?}");
    assert_eq!(scores[0], scores[1]);
}

#[tokio::test]
async fn parquet_that_cannot_be_used_is_told_why() {
    let app = App::with(&Bundle::prices().rule("daily_limit", 100)).await;
    let ada = app.person("ada");
    let ids = ids_of("data/sample_test.csv");
    let rows = |price: Option<f64>| {
        let rows = ids.iter().map(|id| (id.as_str(), Some(1.0)));
        let mut rows: Vec<(&str, Option<f64>)> = rows.collect();
        rows[3].1 = price;
        rows[8].1 = price;
        rows
    };
    let good = submission(&rows(Some(1.0)), "price");
    let one_less = submission(&rows(Some(1.0))[1..], "price");
    let mut expected = Vec::new();
    for (name, bytes, code, words) in [
        (
            "submission.parquet",
            submission(&rows(None), "price"),
            "values",
            "null (rows 4 and 9)",
        ),
        (
            "submission.parquet",
            submission(&rows(Some(-1.0)), "price"),
            "values",
            "rows 4 and 9",
        ),
        (
            "submission.parquet",
            submission(&rows(None), "cost"),
            "columns",
            "`cost` does not belong",
        ),
        ("submission.parquet", one_less, "ids", "1 of 200 missing"),
        (
            "submission.parquet",
            good[..good.len() - 9].to_vec(),
            "columns",
            "must begin and end",
        ),
        (
            "submission.parquet",
            [&good[..100], &good[150..]].concat(),
            "columns",
            "damaged",
        ),
        (
            "submission.parquet",
            b"id,price\n".to_vec(),
            "columns",
            "no Parquet file",
        ),
        (
            "submission.csv",
            good.clone(),
            "columns",
            "Call it submission.parquet",
        ),
    ] {
        let script = leaving(name, &bytes, &bytes);
        expected.push((ada.submitted_to("diamonds", script).await, code, words));
    }
    let both = "open('submission.csv', 'w'); open('submission.parquet', 'w')\n";
    let both = ada.submitted_to("diamonds", zip_of("main.py", both)).await;
    expected.push((both, "submission_unusable", "left both"));
    app.run_all_jobs().await;
    for (id, code, words) in expected {
        let failed = ada.submission(&id).await;
        assert_eq!(at(&failed, "/failure/code"), code, "{words}: {failed:#}");
        let message = at(&failed, "/failure/message").as_str().unwrap();
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
}
