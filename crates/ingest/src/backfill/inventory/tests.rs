//! Reports in either format, whole and damaged.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;
use crate::Stop;
use crate::backfill::{Books, Origin, backfill_with_report};
use crate::fakes::{Call, MemoryStore};
use crate::pipeline::tests::world::{BUCKET, World, config, key};
use crate::source::ListedObject;

const INVENTORY: &str = "inventory";
const MANIFEST: &str = "inv/daily/2026-03-04T01-00Z/manifest.json";

fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// Puts a report of these data files into the inventory's bucket.
fn put_report(store: &MemoryStore, format: &str, schema: &str, files: &[Vec<u8>]) {
    let extension = if format == "CSV" { "csv.gz" } else { "parquet" };
    let mut named = Vec::new();
    for (number, bytes) in files.iter().enumerate() {
        let key = format!("inv/daily/data/{number}.{extension}");
        store.put(INVENTORY, &key, bytes.clone());
        named.push(serde_json::json!({"key": key, "size": bytes.len(), "MD5checksum": md5(bytes)}));
    }
    let manifest = serde_json::json!({
        "sourceBucket": BUCKET, "destinationBucket": format!("arn:aws:s3:::{INVENTORY}"), "version": "2016-11-30",
        "creationTimestamp": "1772586000000", "fileFormat": format, "fileSchema": schema, "files": named,
    });
    let manifest = manifest.to_string();
    store.put(INVENTORY, MANIFEST, manifest.clone());
    store.put(INVENTORY, &MANIFEST.replace(".json", ".checksum"), md5(manifest.as_bytes()) + "\n");
}

fn inventory(world: &World, all_versions: bool) -> Inventory<MemoryStore> {
    let at = ManifestAt::Bucket { bucket: INVENTORY.to_owned(), key: MANIFEST.to_owned() };
    Inventory::new(Arc::clone(&world.store), at, all_versions)
}

async fn listed(mut listing: impl Listing) -> Result<Vec<ListedObject>, SourceError> {
    let mut objects = Vec::new();
    while let Some(page) = listing.next().await? {
        objects.extend(page.objects);
    }
    Ok(objects)
}

async fn index(world: &World, listing: impl Listing) -> crate::Report {
    let World { keys, sink, progress, .. } = world.clone();
    let origin =
        Origin::new(Arc::clone(&world.store), Box::new(listing)).with_books(Arc::new(Books::default()));
    backfill_with_report(config(), origin, keys, sink, Stop::never(), progress).await.unwrap()
}

const CSV_SCHEMA: &str =
    "Size, Key, Brand New, EncryptionStatus, Bucket, VersionId, IsLatest, IsDeleteMarker";

fn csv_row(key: &str, version: &str, latest: bool, marker: bool) -> String {
    format!("\"5\",\"{key}\",\"x\",\"SSE-KMS\",\"{BUCKET}\",\"{version}\",\"{latest}\",\"{marker}\"\n")
}

#[tokio::test]
async fn a_csv_report_is_read_by_its_schema() {
    let world = World::new();
    for name in ["red flower+.log", "literal+plus.log", "b.log"] {
        world.store.put(BUCKET, name, "text");
    }
    let rows = csv_row("red+flower%2B.log", "", true, false)
        + &csv_row("literal+plus.log", "", true, false)
        + &csv_row("gone.log", "", true, false)
        + &csv_row("marker.log", "v1", true, true)
        + &csv_row("older.log", "v2", false, false)
        + "\"5\"\n";
    put_report(
        &world.store,
        "CSV",
        CSV_SCHEMA,
        &[gzipped(&rows), gzipped(&csv_row("b.log", "", true, false))],
    );
    let objects = listed(inventory(&world, false)).await.unwrap();
    let keys: Vec<_> = objects.iter().map(|listed| listed.object.key.as_str()).collect();
    let expected = ["red flower+.log", "literal plus.log", "gone.log", "0.csv.gz: row 6", "b.log"];
    assert_eq!(keys, expected);
    assert_eq!(objects[0].encryption.as_deref(), Some("SSE-KMS"));
    let all = listed(inventory(&world, true)).await.unwrap();
    assert_eq!(all.iter().filter(|listed| listed.object.version.as_deref() == Some("v2")).count(), 1);

    let report = index(&world, inventory(&world, false)).await;
    let tally = report.tally;
    assert_eq!((tally.seen, tally.indexed, tally.gone, tally.failed), (5, 3, 1, 1), "{report:?}");
    assert!(tally.adds_up() && report.ended);
    assert_eq!(report.summary.other_keys, 1, "a plus sign that is one");
    assert_eq!(world.sink.keys(), ["b.log", "literal+plus.log", "red flower+.log"]);
    assert_eq!(world.sink.failures()[0].reason, "unreadable-row");
}

#[tokio::test(start_paused = true)]
async fn an_outage_at_the_checksum_is_waited_for_as_any_other() {
    let world = World::new();
    world.store.put(BUCKET, "b.log", "text");
    put_report(&world.store, "CSV", CSV_SCHEMA, &[gzipped(&csv_row("b.log", "", true, false))]);
    let checksum = MANIFEST.replace(".json", ".checksum");
    world.store.fail_key(&checksum, SourceErrorKind::Throttled, "throttled-s3", 3);
    let report = index(&world, inventory(&world, false)).await;
    assert_eq!((report.tally.indexed, report.is_complete()), (1, true));
    world.store.fail_key(&checksum, SourceErrorKind::NotFound, "gone", 1);
    let error = inventory(&world, false).open().await.unwrap_err();
    assert_eq!(error.reason, "inventory-unreadable", "that is a report without its end");
}

const MESSAGE: &str = "message s3.inventory {
    optional int64 size; required binary key (STRING); optional binary brand_new (STRING);
    optional int64 last_modified_date (TIMESTAMP(MILLIS,true)); required binary bucket (STRING);
    optional boolean is_latest; optional boolean is_delete_marker; optional binary e_tag (STRING);
    optional group nested { optional int64 more; }
}";

/// A Parquet file with columns in another order, some of them unknown, and one that has no value at all.
fn parquet_of(keys: &[&str]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(MESSAGE).unwrap());
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    let texts = |values: &[&str]| values.iter().map(|value| ByteArray::from(*value)).collect::<Vec<_>>();
    let count = keys.len();
    let ones = vec![1i16; count];
    let nulls = vec![0i16; count];
    let mut number = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        let all = Some(ones.as_slice());
        let written = match number {
            0 => column.typed::<Int64Type>().write_batch(&vec![7; count], all, None),
            1 => column.typed::<ByteArrayType>().write_batch(&texts(keys), None, None),
            2 => column.typed::<ByteArrayType>().write_batch(&texts(&vec!["x"; count]), all, None),
            3 => column.typed::<Int64Type>().write_batch(&vec![1_772_529_327_000; count], all, None),
            4 => column.typed::<ByteArrayType>().write_batch(&texts(&vec![BUCKET; count]), None, None),
            5 => column.typed::<BoolType>().write_batch(&vec![true; count], all, None),
            6 => column.typed::<BoolType>().write_batch(&vec![false; count], all, None),
            7 => column.typed::<ByteArrayType>().write_batch(&[], Some(&nulls), None),
            _ => column.typed::<Int64Type>().write_batch(&[], Some(&nulls), None),
        };
        assert!(written.unwrap() <= count);
        column.close().unwrap();
        number += 1;
    }
    group.close().unwrap();
    file.close().unwrap();
    bytes
}

#[tokio::test]
async fn a_parquet_report_is_read_whatever_else_it_has() {
    let world = World::new();
    for name in ["plain+ key%20.log", "encoded key.log"] {
        world.store.put(BUCKET, name, "text");
    }
    let file = parquet_of(&["plain+ key%20.log", "encoded+key.log"]);
    put_report(&world.store, "Parquet", "message s3.inventory { }", &[file]);
    let objects = listed(inventory(&world, false)).await.unwrap();
    assert_eq!((objects.len(), objects[0].size), (2, Some(7)));
    assert_eq!(objects[0].last_modified.unwrap().as_second(), 1_772_529_327);
    assert_eq!((objects[0].object.etag.as_deref(), objects[0].storage_class.as_deref()), (None, None));
    let report = index(&world, inventory(&world, false)).await;
    assert_eq!((report.tally.indexed, report.summary.other_keys), (2, 1));
    assert_eq!(world.sink.keys(), ["encoded key.log", "plain+ key%20.log"]);
}

#[tokio::test]
async fn what_is_not_what_the_manifest_says_is_refused() {
    let row = csv_row("a.log", "", true, false);
    let store = |change: &dyn Fn(&MemoryStore)| {
        let world = World::new();
        put_report(&world.store, "CSV", CSV_SCHEMA, &[gzipped(&row)]);
        change(&world.store);
        world
    };
    let data = "inv/daily/data/0.csv.gz";
    let mut other = gzipped(&row);
    let last = other.len() - 1;
    other[last] ^= 1;
    let checksum = MANIFEST.replace(".json", ".checksum");
    for (what, world, reason) in [
        (
            "the data file changed",
            store(&|store| drop(store.put(INVENTORY, data, other.clone()))),
            "inventory-checksum",
        ),
        ("it has another size", store(&|store| drop(store.put(INVENTORY, data, "x"))), "inventory-checksum"),
        (
            "the manifest changed",
            store(&|store| drop(store.put(INVENTORY, MANIFEST, "{}"))),
            "inventory-checksum",
        ),
        (
            "the report is not complete",
            store(&|store| {
                let object = store.put(INVENTORY, &checksum, "x");
                store.remove(&object);
            }),
            "inventory-unreadable",
        ),
        ("ORC", store(&|store| put_report(store, "ORC", "struct<>", &[])), "inventory-unreadable"),
    ] {
        let error = listed(inventory(&world, false)).await.unwrap_err();
        assert_eq!(error.reason, reason, "{what}: {error}");
        assert!(error.action.contains(MANIFEST), "{error}");
    }
}

#[tokio::test]
async fn a_report_on_disk_is_read_from_its_copies() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let bytes = gzipped(&csv_row("a.log", "", true, false));
    put_report(&world.store, "CSV", CSV_SCHEMA, std::slice::from_ref(&bytes));
    let at =
        |key: &str| ObjectRef { bucket: Some(INVENTORY.into()), key: key.into(), ..ObjectRef::default() };
    let folder = dir.path().join("2026-03-04T01-00Z");
    fs::create_dir_all(folder.join("../data")).unwrap();
    for name in ["manifest.json", "manifest.checksum"] {
        let key = MANIFEST.replace("manifest.json", name);
        let stored = crate::source::ObjectStore::get(&*world.store, &at(&key), u64::MAX).await.unwrap();
        fs::write(folder.join(name), stored.body).unwrap();
    }
    let local =
        || Inventory::new(Arc::clone(&world.store), ManifestAt::File(folder.join("manifest.json")), false);
    let reads = world.script.count(Call::Get);
    assert_eq!(listed(local()).await.unwrap().len(), 1, "the data file comes from its bucket");
    assert_eq!(world.script.count(Call::Get), reads + 1);
    fs::write(dir.path().join("data/0.csv.gz"), &bytes).unwrap();
    assert_eq!(listed(local()).await.unwrap().len(), 1);
    assert_eq!(world.script.count(Call::Get), reads + 1, "the copy is enough");
    fs::write(dir.path().join("data/0.csv.gz"), "damaged").unwrap();
    assert_eq!(listed(local()).await.unwrap_err().reason, "inventory-checksum");
}

#[tokio::test]
async fn a_place_is_a_row_of_a_file() {
    let world = World::new();
    let rows = |from: u64| {
        (from..from + 3).map(|n| csv_row(&key(0, &format!("u{n}")), "", true, false)).collect::<String>()
    };
    put_report(&world.store, "CSV", CSV_SCHEMA, &[gzipped(&rows(0)), gzipped(&rows(3))]);
    let all = listed(inventory(&world, false)).await.unwrap();
    assert_eq!(all.len(), 6);
    for (file, rows) in [(0, 0), (0, 2), (0, 3), (1, 0), (1, 2), (2, 0)] {
        let mut listing = inventory(&world, false);
        listing.resume(&Cursor::Row { file, rows }).unwrap();
        let from = (file * 3 + rows) as usize;
        assert_eq!(listed(listing).await.unwrap(), all[from..], "behind row {rows} of file {file}");
    }
}

#[tokio::test]
async fn a_data_file_that_inflates_beyond_its_ceiling_is_an_error_and_no_end() {
    let world = World::new();
    let rows: String = (0..3000).map(|n| csv_row(&key(0, &format!("u{n}")), "", true, false)).collect();
    put_report(&world.store, "CSV", CSV_SCHEMA, &[gzipped(&rows)]);
    let whole = rows.len() as u64;
    let of = |max_clear_bytes| Inventory { max_clear_bytes, ..inventory(&world, false) };
    assert_eq!(listed(of(whole)).await.unwrap().len(), 3000);
    // Also where a row ends at the ceiling.
    let row = rows.find('\n').unwrap() as u64 + 1;
    for ceiling in [0, row, whole / 2, whole - 1] {
        let error = listed(of(ceiling)).await.unwrap_err();
        assert_eq!(error.reason, "inventory-unreadable");
        assert!(error.action.contains("data/0.csv.gz"), "{error}");
        assert!(error.message.contains(&format!("more than {ceiling} bytes")), "{error}");
    }
}
