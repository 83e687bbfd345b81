//! Which objects of a listing are meant, how many, and how fast.

use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::config::{Admission, PipelineConfig};
use crate::source::ListedObject;

/// What a backfill is confined to. `Selection::default()` confines it to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only objects last modified at this time or later. An object whose time is not known passes.
    pub since: Option<Timestamp>,
    /// Only objects last modified before this time. An object whose time is not known passes.
    pub until: Option<Timestamp>,
    /// Only accounts (as keys name them) with one of these twelve digits, or with these first digits followed by
    /// `*`. Empty: all, also keys that name no account.
    pub accounts: Vec<String>,
    /// Only keys that begin with one of these. Empty: all.
    pub prefixes: Vec<String>,
    /// No more than so many objects, counted over all runs of the same backfill.
    pub limit: Option<u64>,
    /// No more than so many objects a second.
    pub rate: Option<NonZeroU32>,
    /// The objects modified last come first. Needs the whole listing in memory, see [`MAX_SORTED`].
    pub newest_first: bool,
}

/// Most objects that can be sorted by time, and so most that are held in memory: about 300 bytes each with a
/// key of 100 bytes, 300 MB in all. A limit below it lowers the need.
pub const MAX_SORTED: usize = 1_000_000;

impl Selection {
    /// Whether an object is meant. Limit and rate are not looked at.
    #[must_use]
    pub fn wants(&self, listed: &ListedObject, config: &PipelineConfig) -> bool {
        let object = &listed.object;
        if listed.unreadable.is_some() {
            return self.may_hold(&object.key, config);
        }
        let after = self.since.is_none_or(|since| listed.last_modified.is_none_or(|at| at >= since));
        let before = self.until.is_none_or(|until| listed.last_modified.is_none_or(|at| at < until));
        let below = |prefix: &String| object.key.starts_with(prefix.as_str());
        after
            && before
            && (self.prefixes.is_empty() || self.prefixes.iter().any(below))
            && self.wants_account(&object.key, config)
            && config.admission(object) != Admission::Ignored
    }

    /// What cannot be read may be or hold what is wanted, unless its name says otherwise: that of a row says nothing.
    fn may_hold(&self, key: &str, config: &PipelineConfig) -> bool {
        let may_begin_with = |prefixes: &[String]| {
            let fits = |prefix: &String| key.starts_with(prefix.as_str()) || prefix.starts_with(key);
            prefixes.is_empty() || prefixes.iter().any(fits)
        };
        !key.ends_with('/')
            || may_begin_with(&self.prefixes)
                && may_begin_with(&config.key_prefixes)
                && (config.layout.locate(key).account.is_none() || self.wants_account(key, config))
    }

    fn wants_account(&self, key: &str, config: &PipelineConfig) -> bool {
        if self.accounts.is_empty() {
            return true;
        }
        let Some(account) = config.layout.locate(key).account else { return false };
        self.accounts.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(digits) => account.as_str().starts_with(digits),
            None => account.as_str() == wanted,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::ObjectRef;

    use super::*;

    fn listed(key: &str, second: Option<i64>) -> ListedObject {
        ListedObject {
            object: ObjectRef { bucket: Some("b".into()), key: key.into(), ..ObjectRef::default() },
            last_modified: second.map(|second| Timestamp::from_second(second).unwrap()),
            ..ListedObject::default()
        }
    }

    #[test]
    fn a_selection_confines() {
        let at = |second| Timestamp::from_second(second).ok();
        let of = |accounts: &[&str]| accounts.iter().map(|&a| a.to_owned()).collect::<Vec<_>>();
        let key = "ssm/111122223333/a.log";
        let all = Selection::default;
        for (selection, object, wanted) in [
            (all(), listed(key, None), true),
            (all(), listed("a.log.instruction", None), false),
            (Selection { since: at(5), ..all() }, listed(key, Some(5)), true),
            (Selection { since: at(5), ..all() }, listed(key, Some(4)), false),
            (Selection { since: at(5), ..all() }, listed(key, None), true),
            (Selection { until: at(5), ..all() }, listed(key, Some(5)), false),
            (Selection { until: at(5), ..all() }, listed(key, Some(4)), true),
            (Selection { accounts: of(&["4*", "111122223333"]), ..all() }, listed(key, None), true),
            (Selection { accounts: of(&["1111*"]), ..all() }, listed(key, None), true),
            (Selection { accounts: of(&["111122223334"]), ..all() }, listed(key, None), false),
            (Selection { accounts: of(&["*"]), ..all() }, listed("no-account.log", None), false),
            (Selection { prefixes: of(&["x", "ssm/1"]), ..all() }, listed(key, None), true),
            (Selection { prefixes: of(&["ssm/2"]), ..all() }, listed(key, None), false),
        ] {
            let config = PipelineConfig::default();
            assert_eq!(selection.wants(&object, &config), wanted, "{selection:?} {object:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_out_only_where_its_name_says_so() {
        let unreadable = |key: &str| ListedObject { unreadable: Some("x"), ..listed(key, None) };
        let of = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let prefixes = |texts: &[&str]| Selection { prefixes: of(texts), ..Selection::default() };
        let accounts = |texts: &[&str]| Selection { accounts: of(texts), ..Selection::default() };
        for (selection, key, wanted) in [
            (prefixes(&["ssm/"]), "keys.csv: row 5", true),
            (accounts(&["111122223333"]), "keys.csv: row 5", true),
            (prefixes(&["ssm/1/"]), "ssm/", true),
            (prefixes(&["ssm/"]), "ssm/1/", true),
            (prefixes(&["ssm/2/", "x"]), "ssm/1/", false),
            (accounts(&["111122223333"]), "ssm/", true),
        ] {
            let config = PipelineConfig::default();
            assert_eq!(selection.wants(&unreadable(key), &config), wanted, "{selection:?} {key}");
        }
        let config = PipelineConfig { key_prefixes: of(&["ssm/"]), ..PipelineConfig::default() };
        let wants = |key: &str| Selection::default().wants(&unreadable(key), &config);
        assert_eq!((wants("ssm/"), wants("other/"), wants("keys.csv: row 5")), (true, false, true));
    }
}
