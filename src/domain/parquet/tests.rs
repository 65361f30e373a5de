use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type};
use parquet::data_type::{DataType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

/// One column of a file: its declaration, its values, and its levels of definition and repetition.
fn written<T: DataType>(
    column: &str,
    values: &[T::T],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
    properties: WriterPropertiesBuilder,
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message m {{ {column} }}")).unwrap());
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let typed = column.typed::<T>();
    typed.write_batch(values, defined, repeated).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn plain() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_dictionary_enabled(false)
}

/// The first column's items, each in a word.
fn read(bytes: &[u8], bounds: Bounds) -> Result<Vec<String>, Fault> {
    read_field(bytes, 0, bounds)
}

fn read_field(bytes: &[u8], field: usize, bounds: Bounds) -> Result<Vec<String>, Fault> {
    let mut file = ParquetFile::open(bytes, bounds)?;
    let mut found = Vec::new();
    file.for_each(field, |item: Item<'_>| {
        let cell = match item.cell {
            Cell::Missing if item.is_hollow => "hollow".to_owned(),
            Cell::Missing => "missing".to_owned(),
            Cell::Bool(value) => value.to_string(),
            Cell::Whole(value) => value.to_string(),
            Cell::Unsigned(value) => format!("{value}u"),
            Cell::Single(value) => format!("{value:?}f"),
            Cell::Double(value) => format!("{value:?}"),
            Cell::Text(text) => text.to_owned(),
        };
        found.push(match item.starts_row {
            true => cell,
            false => format!("+{cell}"),
        });
        Ok::<(), Fault>(())
    })?;
    Ok(found)
}

fn texts(texts: &[&str]) -> Vec<ByteArray> {
    texts.iter().map(|text| ByteArray::from(*text)).collect()
}

#[test]
fn a_column_s_name_is_as_long_as_names_are() {
    let name = "n".repeat(1025);
    let file = written::<DoubleType>(
        &format!("required double {name};"),
        &[1.0],
        None,
        None,
        plain(),
    );
    let fault = Fault::Damaged("the name of a column is longer than 1,024 bytes");
    assert_eq!(read(&file, Bounds::TRUSTED), Err(fault));
}

#[test]
fn each_way_of_writing_is_read_alike() {
    let values = texts(&["a", "bb", "a", "ä"]);
    let levels = [1, 1, 0, 1, 1];
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(Default::default()),
        ] {
            for has_dictionary in [true, false] {
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_compression(compression)
                    .set_dictionary_enabled(has_dictionary)
                    .set_encoding(Encoding::PLAIN);
                let column = "optional binary x (utf8);";
                let file =
                    written::<ByteArrayType>(column, &values, Some(&levels), None, properties);
                let expected = ["a", "bb", "missing", "a", "ä"];
                let read = read(&file, Bounds::TRUSTED).unwrap();
                assert_eq!(
                    read, expected,
                    "{version:?} {compression:?} {has_dictionary}"
                );
            }
        }
    }
}

#[test]
fn each_type_is_read_as_what_it_means() {
    let of = |bytes: &[u8]| read(bytes, Bounds::TRUSTED).unwrap();
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    for builder in [plain, || {
        plain().set_writer_version(WriterVersion::PARQUET_2_0)
    }] {
        let builder = || builder().set_encoding(Encoding::PLAIN);
        let bools = [true, false, true, true, false, false, true, true, true];
        let file = written::<BoolType>("required boolean x;", &bools, None, None, builder());
        assert_eq!(of(&file), bools.map(|value| value.to_string()));
    }
    let file = written::<BoolType>(
        "required boolean x;",
        &[true, false],
        None,
        None,
        plain().set_encoding(Encoding::RLE),
    );
    assert_eq!(of(&file), ["true", "false"]);
    let file = written::<Int32Type>("required int32 x;", &[-7, 3], None, None, plain());
    assert_eq!(of(&file), ["-7", "3"]);
    let column = "required int32 x (integer(32,false));";
    let file = written::<Int32Type>(column, &[-1], None, None, plain());
    assert_eq!(of(&file), ["4294967295"]);
    let column = "required int64 x (integer(64,false));";
    let file = written::<Int64Type>(column, &[-1], None, None, plain());
    assert_eq!(of(&file), ["18446744073709551615u"]);
    let file = written::<FloatType>("required float x;", &[0.1], None, None, plain());
    assert_eq!(of(&file), ["0.1f"]);
    let column = "optional double x;";
    let file = written::<DoubleType>(column, &[0.5], Some(&[0, 1]), None, plain());
    assert_eq!(of(&file), ["missing", "0.5"]);
    let column = "optional group x (LIST) { repeated group list { optional double element; } }";
    let file = written::<DoubleType>(
        column,
        &[1.0, 2.0, 3.0],
        Some(&[3, 3, 0, 1, 2, 3]),
        Some(&[0, 1, 0, 0, 0, 1]),
        WriterProperties::builder(),
    );
    let expected = ["1.0", "+2.0", "hollow", "hollow", "missing", "+3.0"];
    assert_eq!(of(&file), words(&expected));
    let opened = ParquetFile::open(&file, Bounds::TRUSTED).unwrap();
    assert!(opened.fields()[0].is_list && opened.fields()[0].kind == Kind::Double);
}

#[test]
fn what_is_not_read_is_named() {
    let fault = |bytes: &[u8]| read(bytes, Bounds::TRUSTED).unwrap_err().to_string();
    let delta = plain().set_encoding(Encoding::DELTA_BINARY_PACKED);
    let file = written::<Int32Type>("required int32 x;", &[1, 2], None, None, delta);
    assert_eq!(
        fault(&file),
        "the column `x` is encoded as DELTA_BINARY_PACKED; write it plain or with a dictionary"
    );
    let file = written::<Int32Type>("required int32 x (date);", &[1], None, None, plain());
    assert_eq!(
        fault(&file),
        "the column `x` holds dates or times, which is not read"
    );
    let column = "required group x { required int32 y; }";
    let file = written::<Int32Type>(column, &[1], None, None, plain());
    assert!(
        fault(&file).contains("values inside each other"),
        "{}",
        fault(&file)
    );
    let bytes = [ByteArray::from(vec![0xff])];
    let file = written::<ByteArrayType>("required binary x;", &bytes, None, None, plain());
    assert_eq!(fault(&file), "the column `x` holds text that is not UTF-8");
    assert!(fault(b"PAR1PAR1").starts_with("it is no Parquet file"));
    assert!(fault(b"id,y\n").starts_with("it is no Parquet file"));
}

#[test]
fn no_more_is_read_than_is_allowed() {
    let bounds = |change: fn(&mut Bounds)| {
        let mut bounds = Bounds::TRUSTED;
        change(&mut bounds);
        bounds
    };
    let many = texts(&["0123456789"; 4000]);
    let properties = || WriterProperties::builder().set_compression(Compression::SNAPPY);
    let column = "required binary x (utf8);";
    let file = written::<ByteArrayType>(column, &many, None, None, properties());
    assert!(file.len() < 1000, "a dictionary makes it small");
    assert_eq!(
        read(&file, bounds(|bounds| bounds.rows = 3999)),
        Err(Fault::TooManyRows {
            found: 4000,
            most: 3999
        })
    );
    assert_eq!(
        read(&file, bounds(|bounds| bounds.text = 39_999)),
        Err(Fault::TooMuchText { most: 39_999 })
    );
    let file = written::<ByteArrayType>(
        column,
        &many,
        None,
        None,
        properties().set_dictionary_enabled(false),
    );
    assert!(file.len() < 5000, "so does compression");
    assert_eq!(
        read(&file, bounds(|bounds| bounds.unpacked = 50_000)),
        Err(Fault::TooLarge { most: 50_000 })
    );
    let column = "required group x (LIST) { repeated group list { required double element; } }";
    let repeated = [[0].as_slice(), &[1; 99]].concat();
    let file = written::<DoubleType>(
        column,
        &[1.0; 100],
        Some(&[1; 100]),
        Some(&repeated),
        plain(),
    );
    let fault = read(&file, bounds(|bounds| bounds.elements = 99)).unwrap_err();
    assert!(
        matches!(fault, Fault::TooManyElements { most: 99, .. }),
        "{fault}"
    );
}

/// However a file is cut, or one of its bytes changed, it is read or refused.
#[test]
fn a_damaged_file_never_ends_the_program() {
    let values = texts(&["a", "bb", "a", "c"]);
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let properties = WriterProperties::builder().set_compression(compression);
        let column = "optional binary x (utf8);";
        let levels = [1, 1, 0, 1, 1];
        let file = written::<ByteArrayType>(column, &values, Some(&levels), None, properties);
        let small = Bounds {
            rows: 10,
            elements: 10,
            unpacked: 4096,
            text: 100,
        };
        for at in 0..file.len() {
            let _ = read(&file[..at], small);
            for change in [1, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[at] ^= change;
                if let Ok(found) = read(&changed, small) {
                    assert!(found.len() <= 10);
                }
            }
        }
    }
}

#[test]
fn files_of_other_writers_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/parquet");
    // Their second columns are read here.
    for (name, expected) in [
        ("labels.parquet", Ok(["a", "b", "a"])),
        ("polars.parquet", Ok(["a", "b", "a"])),
        ("values.parquet", Ok(["1.5", "2.0", "0.1"])),
        ("values_plain.parquet", Ok(["1", "2", "3"])),
        ("values_v2.parquet", Ok(["1.5f", "2.0f", "3.0f"])),
        ("bools.parquet", Ok(["true", "false", "true"])),
        ("nulls.parquet", Ok(["1.5", "missing", "0.1"])),
        ("null_type.parquet", Ok(["missing", "missing", "missing"])),
        (
            "unsigned.parquet",
            Ok(["1u", "2u", "18446744073709551615u"]),
        ),
        ("zstd.parquet", Err(Fault::Compression("Zstandard"))),
        (
            "dates.parquet",
            Err(Fault::Type {
                column: "y".to_owned(),
                what: "dates or times",
            }),
        ),
    ] {
        let file = std::fs::read(folder.join(name)).unwrap();
        let expected = expected.map(|words| words.map(str::to_owned).to_vec());
        assert_eq!(read_field(&file, 1, Bounds::TRUSTED), expected, "{name}");
    }
}
