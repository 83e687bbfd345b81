//! What a backfill would do, told without reading an object or writing anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Origin;
use super::walk::{Known, Standing};
use crate::config::PipelineConfig;
use crate::pipeline::IngestError;
use crate::source::{ListedObject, ObjectStore};
use crate::stop::Stop;

/// Most rows of a table; what is beyond stands in one row more, without a name of its own.
pub const MAX_PLAN_ROWS: usize = 10_000;

/// Most rows and folders that are named.
const MAX_UNREADABLE: usize = 20;

/// The name of that row.
const OTHERS: &str = "others";

/// What a backfill would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// Objects that are meant.
    pub objects: Quantity,
    /// The same by account, as keys name them; `null` for keys that name none.
    pub by_account: Vec<Row>,
    /// The same by encryption, where the source tells: an inventory may, a listing does not.
    pub by_encryption: Vec<Row>,
    /// The same by storage class, where the source tells.
    pub by_storage_class: Vec<Row>,
    /// Of these: indexed already.
    pub already_indexed: Quantity,
    /// Of these, and not indexed: archived, so that they must be restored before they can be read.
    pub archived: Quantity,
    /// Of these: named by a row that cannot be read, or folders that cannot be listed.
    pub unreadable: u64,
    /// The first 20 of them, each with what came back; hostile text.
    pub unreadable_named: Vec<String>,
    /// Of these: to be read, and not known to be indexed.
    pub to_read: Quantity,
    /// Objects of `to_read` of which only reading tells whether they are indexed: files, and objects without ETag.
    pub not_known_before_read: u64,
    /// What it will ask for.
    pub requests: Requests,
    /// Objects that the source lists, wanted or not.
    pub listed: u64,
    /// Of these: left out by the filters.
    pub filtered: u64,
    /// Whether the source was listed to its end, or as far as the limit goes.
    pub ended: bool,
}

/// Objects and their stored bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// How many.
    pub objects: u64,
    /// Bytes of those whose size is known.
    pub bytes: u64,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `null` where it is not known.
    pub name: Option<String>,
    /// How much.
    #[serde(flatten)]
    pub quantity: Quantity,
}

/// Requests to expect, without repetitions after errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Pages of the source; of a bucket, LIST requests.
    pub list: u64,
    /// GET requests for objects.
    pub get: u64,
    /// Objects under SSE-KMS, each at most one request of S3 to KMS (bucket keys save most of them). `null` if the
    /// source tells no encryption of some objects.
    pub kms_at_most: Option<u64>,
}

impl Quantity {
    fn add(&mut self, listed: &ListedObject) {
        self.objects += 1;
        self.bytes += listed.size.unwrap_or_default();
    }
}

#[derive(Default)]
struct Table(BTreeMap<Option<String>, Quantity>);

impl Table {
    fn add(&mut self, name: Option<String>, listed: &ListedObject) {
        let full = self.0.len() >= MAX_PLAN_ROWS && !self.0.contains_key(&name);
        self.0.entry(if full { Some(OTHERS.to_owned()) } else { name }).or_default().add(listed);
    }

    fn rows(self) -> Vec<Row> {
        self.0.into_iter().map(|(name, quantity)| Row { name, quantity }).collect()
    }
}

/// Makes the plan of a backfill: lists, asks the index, reads no object and writes nothing. A stop ends it early.
///
/// # Errors
/// The source cannot be listed, or the index cannot be read.
pub async fn plan<S: ObjectStore + ?Sized>(
    config: PipelineConfig,
    origin: Origin<S>,
    known: Option<Arc<dyn Known>>,
    stop: Stop,
) -> Result<Plan, IngestError> {
    let mut walk = origin.walk(Arc::new(config.usable()), known, stop.clone());
    let (mut accounts, mut encryptions, mut classes) = (Table::default(), Table::default(), Table::default());
    let mut plan = Plan::default();
    let mut kms = Some(0);
    while let Some(page) = walk.next().await? {
        plan.requests.list += 1;
        for (listed, standing) in &page.objects {
            plan.objects.add(listed);
            let account = walk.config.layout.locate(&listed.object.key).account;
            accounts.add(account.map(|account| account.as_str().to_owned()), listed);
            encryptions.add(listed.encryption.clone(), listed);
            classes.add(listed.storage_class.clone(), listed);
            if listed.unreadable.is_some() {
                plan.unreadable += 1;
                if plan.unreadable_named.len() < MAX_UNREADABLE {
                    let detail = listed.detail.as_deref().unwrap_or("it names nothing");
                    plan.unreadable_named.push(format!("{}: {detail}", listed.object.key));
                }
            } else if *standing == Standing::Stored {
                plan.already_indexed.add(listed);
            } else if listed.is_archived() {
                plan.archived.add(listed);
            } else {
                plan.to_read.add(listed);
                plan.not_known_before_read += u64::from(listed.object.transcript_id().is_none());
                kms = match listed.encryption.as_deref() {
                    None => None,
                    Some("SSE-KMS" | "DSSE-KMS") => kms.map(|kms| kms + 1),
                    Some(_) => kms,
                };
            }
        }
    }
    plan.requests.get = plan.to_read.objects;
    plan.requests.kms_at_most = kms;
    (plan.listed, plan.filtered) = (walk.books.listed(), walk.books.filtered());
    (plan.by_account, plan.by_encryption, plan.by_storage_class) =
        (accounts.rows(), encryptions.rows(), classes.rows());
    plan.ended = walk.is_limited() || !stop.is_stopped();
    Ok(plan)
}
