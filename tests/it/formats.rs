//! Formats beside CSV: what scripts leave, and what competitions feed.

use std::fs;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::scripts::zip_of;
use crate::support::{App, Bundle, at, root, starter};

enum Values {
    Texts(Vec<String>),
    Numbers(Vec<Option<f64>>),
    /// Lists of one length.
    Lists(Vec<Vec<f32>>),
}

/// A file of columns.
fn parquet(columns: &[(&str, Values)]) -> Vec<u8> {
    let declared: String = (columns.iter())
        .map(|(name, values)| match values {
            Values::Texts(_) => format!("required binary {name} (utf8); "),
            Values::Numbers(_) => format!("optional double {name}; "),
            Values::Lists(_) => format!(
                "required group {name} (LIST) {{ repeated group list {{ required float element; }} }} "
            ),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message m {{ {declared} }}")).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (_, values) in columns {
        let mut column = group.next_column().unwrap().unwrap();
        match values {
            Values::Texts(texts) => {
                let texts: Vec<ByteArray> = texts.iter().map(|text| text.as_str().into()).collect();
                let typed = column.typed::<ByteArrayType>();
                typed.write_batch(&texts, None, None).unwrap();
            }
            Values::Numbers(numbers) => {
                let levels: Vec<i16> = numbers.iter().map(|n| i16::from(n.is_some())).collect();
                let numbers: Vec<f64> = numbers.iter().flatten().copied().collect();
                let typed = column.typed::<DoubleType>();
                typed.write_batch(&numbers, Some(&levels), None).unwrap();
            }
            Values::Lists(lists) => {
                let places = lists.iter().flat_map(|list| 0..list.len());
                let repeated: Vec<i16> = places.map(|place| i16::from(place > 0)).collect();
                let defined = vec![1; repeated.len()];
                let typed = column.typed::<FloatType>();
                let numbers = lists.concat();
                typed
                    .write_batch(&numbers, Some(&defined), Some(&repeated))
                    .unwrap();
            }
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// A submission in Parquet: ids, and one price for each, or none.
fn submission(rows: &[(&str, Option<f64>)], column: &str) -> Vec<u8> {
    let ids = rows.iter().map(|row| row.0.to_owned()).collect();
    let prices = rows.iter().map(|row| row.1).collect();
    parquet(&[
        ("id", Values::Texts(ids)),
        (column, Values::Numbers(prices)),
    ])
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
    let often = rows(Some(1.0)).repeat(8);
    // A dictionary has the text once.
    let long = parquet(&[
        ("id", Values::Texts(ids.clone())),
        ("price", Values::Texts(vec!["1".repeat(10_000); ids.len()])),
    ]);
    assert!(long.len() < 100_000);
    let mut expected = Vec::new();
    for (name, bytes, code, words) in [
        (
            "submission.parquet",
            submission(&often, "price"),
            "ids",
            "1600 rows, and there are 200",
        ),
        (
            "submission.parquet",
            long,
            "columns",
            "its texts take more than",
        ),
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

/// A table of a demo: its names, and its cells by column.
fn table(path: &str) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(root().join("demo").join(path)).unwrap();
    let mut lines = text.lines();
    let names = lines.next().unwrap().split(',');
    let mut columns: Vec<(String, Vec<String>)> =
        names.map(|name| (name.to_owned(), Vec::new())).collect();
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.1.push(cell.to_owned());
        }
    }
    columns
}

/// The demo of prices with its test inputs in Parquet, each column of the type that it looks like.
fn prices_in_parquet() -> Bundle {
    let bundle = Bundle::prices().kinds(&["onnx", "predict", "script"]);
    for name in ["data/sample_test", "hidden/test"] {
        let table = table(&format!("diamonds/{name}.csv"));
        let columns = table.iter().map(|(name, cells)| {
            let numbers: Option<Vec<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
            let values = match numbers {
                Some(numbers) => Values::Numbers(numbers.into_iter().map(Some).collect()),
                None => Values::Texts(cells.clone()),
            };
            (name.as_str(), values)
        });
        let file = parquet(&columns.collect::<Vec<_>>());
        fs::write(bundle.path().join(format!("{name}.parquet")), file).unwrap();
        fs::remove_file(bundle.path().join(format!("{name}.csv"))).unwrap();
    }
    bundle
        .rule("task.test", "hidden/test.parquet")
        .rule("task.sample", "data/sample_test.parquet")
}

#[tokio::test]
async fn test_inputs_in_parquet_reach_models_functions_and_scripts() {
    let app = App::with(&prices_in_parquet().rule("slug", "prices")).await;
    app.create(&Bundle::prices());
    let ada = app.person("ada");
    let function = "def predict(batch):\n    \
        assert list(batch.columns[:3]) == ['id', 'carat', 'cut'], list(batch.columns)\n    \
        assert batch['carat'].dtype == 'float64' and isinstance(batch['cut'].iloc[0], str)\n    \
        return batch['carat'] * 3000 + 500\n";
    let function = zip_of("predict.py", function);
    let function = ada.submitted_to("prices", function).await;
    let script = "import csv, os\n\
        folder = '/kaggle/input/prices/'\n\
        assert open(folder + 'test.parquet', 'rb').read(4) == b'PAR1'\n\
        assert not os.path.exists(folder + 'test.csv')\n\
        rows = list(csv.reader(open(folder + 'sample_submission.csv')))\n\
        csv.writer(open('submission.csv', 'w')).writerows(rows)\n";
    let script = ada.submitted_to("prices", zip_of("main.py", script)).await;
    app.run_all_jobs().await;

    for (id, most) in [(function, 0.6), (script, 2.0)] {
        let scored = ada.submission(&id).await;
        assert_eq!(scored["status"], "scored", "{scored:#}");
        let score = at(&scored, "/result/score").as_f64().unwrap();
        assert!(score < most, "{score}");
    }
    // The same model, fed from either file.
    let mut scores = Vec::new();
    for slug in ["prices", "diamonds"] {
        let board = ada
            .get(&format!("/api/v1/competitions/{slug}/leaderboard"))
            .await;
        let standings = board.json()["standings"].clone();
        let lines = standings.as_array().unwrap();
        let reference = lines.iter().find(|line| line["reference"] == true);
        scores.push(reference.unwrap_or(&lines[0])["score"].clone());
    }
    assert!(
        scores[0].is_number() && scores[0] == scores[1],
        "{scores:?}"
    );
    let page = ada.get("/competitions/prices/submit").await.body;
    assert!(page.contains("<code>carat</code> [N, 1] float64"), "{page}");
}

/// A model of the demo of digits, whose input has another name of as many letters.
fn model_of(input: &str) -> Vec<u8> {
    let mut model = starter("small_mlp");
    let name = b"features";
    assert_eq!(input.len(), name.len());
    let mut renamed = 0;
    for at in 0..model.len() - name.len() {
        if model[at..].starts_with(name) {
            model[at..at + name.len()].copy_from_slice(input.as_bytes());
            renamed += 1;
        }
    }
    assert!(renamed >= 2);
    model
}

/// numpy's file of one array.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [
        b"\x93NUMPY\x01\x00",
        length.as_slice(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut zip);
    for (name, file) in arrays {
        let name = format!("{name}.npy");
        let entry = archive.new_file(&name);
        let entry = entry.compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = entry.start().unwrap();
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, Default::default());
        let mut writer = config.wrap(encoder);
        std::io::copy(&mut file.as_slice(), &mut writer).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    zip
}

/// The ids and the pixels of a table of the demo of digits.
fn digits(path: &str) -> (Vec<String>, Vec<Vec<u8>>) {
    let table = table(&format!("digits/{path}"));
    let ids = table[0].1.clone();
    let pixels = |row: usize| {
        table[1..]
            .iter()
            .map(move |column| column.1[row].parse().unwrap())
    };
    let images = (0..ids.len()).map(|row| pixels(row).collect());
    (ids, images.collect())
}

/// The demo of digits in other files than CSV, which it has no more.
fn digits_in(extension: &str, file: impl Fn(&[String], &[Vec<u8>]) -> Vec<u8>) -> Bundle {
    let bundle = Bundle::small_mlp();
    let folder = bundle.path().to_owned();
    fs::write(folder.join("starter/small_mlp.onnx"), model_of("an_image")).unwrap();
    for name in ["data/sample_test", "hidden/test"] {
        let (ids, images) = digits(&format!("{name}.csv"));
        fs::write(
            folder.join(format!("{name}.{extension}")),
            file(&ids, &images),
        )
        .unwrap();
        fs::remove_file(folder.join(format!("{name}.csv"))).unwrap();
    }
    bundle
        .rule("task.test", format!("hidden/test.{extension}"))
        .rule("task.sample", format!("data/sample_test.{extension}"))
}

#[tokio::test]
async fn images_reach_a_model_by_the_name_of_their_array() {
    let images = digits_in("npz", |ids, images| {
        let rows = ids.len();
        let wide = ids.iter().flat_map(|id| {
            let points = id.chars().map(u32::from).chain(std::iter::repeat(0));
            points.take(12).flat_map(u32::to_le_bytes)
        });
        // Not one of the images: all numbers that stand alone would be an array of their own.
        let sizes: Vec<u8> = (0..rows)
            .flat_map(|row| (row as i64).to_le_bytes())
            .collect();
        npz(&[
            (
                "id",
                npy("<U12", &format!("{rows},"), &wide.collect::<Vec<u8>>()),
            ),
            (
                "an_image",
                npy("|u1", &format!("{rows}, 1, 8, 8"), &images.concat()),
            ),
            ("size", npy("<i8", &format!("{rows},"), &sizes)),
        ])
    });
    let lists = digits_in("parquet", |ids, images| {
        let images = images
            .iter()
            .map(|image| image.iter().map(|pixel| f32::from(*pixel)).collect());
        let columns = [
            ("id", Values::Texts(ids.to_vec())),
            ("an_image", Values::Lists(images.collect())),
        ];
        parquet(&columns)
    });
    let plain = Bundle::small_mlp();
    let app = App::with(&images.rule("slug", "images")).await;
    app.create(&lists.rule("slug", "lists"));
    app.create(&plain);
    let ada = app.person("ada");
    let function = |shape: &str| {
        let code = format!(
            "def predict(batch):\n    \
             assert all(image.shape == {shape} for image in batch['an_image'])\n    \
             return [str(int(image.sum()) % 10) for image in batch['an_image']]\n"
        );
        zip_of("predict.py", &code)
    };
    let functions = [
        ada.submitted_to("images", function("(1, 8, 8)")).await,
        ada.submitted_to("lists", function("(64,)")).await,
    ];
    // Nothing of this shape can be made of 64 numbers, which the door knows.
    let wrong = ada.submit_to("images", starter("small_mlp"), "").await;
    wrong.problem(422, "input_shape");
    app.run_all_jobs().await;

    let mut scores = Vec::new();
    for slug in ["images", "lists", "digits"] {
        let board = ada
            .get(&format!("/api/v1/competitions/{slug}/leaderboard"))
            .await;
        scores.push(board.json()["standings"][0]["score"].clone());
    }
    assert!(scores[0].as_f64().unwrap() > 0.9, "{scores:?}");
    assert!(
        scores[0] == scores[2] && scores[1] == scores[2],
        "{scores:?}"
    );
    let mut guessed = Vec::new();
    for id in functions {
        let scored = ada.submission(&id).await;
        assert_eq!(scored["status"], "scored", "{scored:#}");
        guessed.push(at(&scored, "/result/score").clone());
    }
    assert_eq!(guessed[0], guessed[1]);
    let page = ada.get("/competitions/images/submit").await.body;
    assert!(
        page.contains("<code>an_image</code> [N, 1, 8, 8] uint8"),
        "{page}"
    );
}

#[test]
fn test_inputs_that_cannot_be_used_are_told_to_their_host() {
    let check = |bundle: &Bundle| {
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_leanboard"));
        let output = check
            .args(["competition", "check"])
            .arg(bundle.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let rows = |count: usize| format!("{count}, 64");
    for (extension, words, file) in [
        (
            "npz",
            "data/sample_test.npz: the array `an_image` (`>i8`) has its bytes in the other order",
            Box::new(|ids: &[String]| {
                npz(&[(
                    "an_image",
                    npy(">i8", &rows(ids.len()), &vec![0; ids.len() * 512]),
                )])
            }) as Box<dyn Fn(&[String]) -> Vec<u8>>,
        ),
        (
            "npz",
            "the array `an_image` is not as long as its shape says",
            Box::new(|ids: &[String]| npz(&[("an_image", npy("|u1", &rows(ids.len()), &[0; 7]))])),
        ),
        (
            "npz",
            "it is no .npz file: write it with numpy.savez",
            Box::new(|_: &[String]| b"id,x\n1,2\n".to_vec()),
        ),
        (
            "parquet",
            "the lists in column `an_image` must have one length: row 1 has 1 elements and row 2 has 2",
            Box::new(|ids: &[String]| {
                let lists = (1..=ids.len()).map(|length| vec![0.5; length.min(2)]);
                parquet(&[
                    ("id", Values::Texts(ids.to_vec())),
                    ("an_image", Values::Lists(lists.collect())),
                ])
            }),
        ),
        (
            "parquet",
            "column `x` has 2 nulls (row 1, 3); a number must stand there",
            Box::new(|ids: &[String]| {
                let numbers = (0..ids.len()).map(|row| (row != 0 && row != 2).then_some(1.0));
                parquet(&[
                    ("id", Values::Texts(ids.to_vec())),
                    ("x", Values::Numbers(numbers.collect())),
                ])
            }),
        ),
        (
            "parquet",
            "hidden/test.parquet: there is no column `id` of row ids; the columns are `x`",
            Box::new(|ids: &[String]| {
                parquet(&[("x", Values::Numbers(vec![Some(1.0); ids.len()]))])
            }),
        ),
    ] {
        let said = check(&digits_in(extension, |ids, _| file(ids)));
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
    let mixed = Bundle::small_mlp().rule("task.sample", "data/sample_test.parquet");
    let (ids, _) = digits("data/sample_test.csv");
    let sample = parquet(&[("id", Values::Texts(ids))]);
    fs::write(mixed.path().join("data/sample_test.parquet"), sample).unwrap();
    let said = check(&mixed);
    assert!(
        said.contains("the sample is Parquet, and `hidden/test.csv` is CSV"),
        "{said}"
    );
}
