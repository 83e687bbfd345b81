//! Writes metric families with what is known at the moment of the question.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use shelltrail_ingest::Distribution;

type NoLabels = [(&'static str, &'static str); 0];

/// One page of metrics in the making.
pub struct Page<'a>(pub DescriptorEncoder<'a>);

impl Page<'_> {
    /// A number that only grows; the name is given without `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Into<f64>) -> fmt::Result {
        self.family(name, help, MetricType::Counter, |family| count(family, value.into()))
    }

    /// The same for each value of a label.
    pub fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'l str, f64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, |family| {
            values
                .into_iter()
                .try_for_each(|(of, value)| count(&mut family.encode_family(&[(label, of)])?, value))
        })
    }

    /// A number as it is now; nothing at all if it is not known.
    pub fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, |family| {
            value.map_or(Ok(()), |value| family.encode_gauge(&value))
        })
    }

    /// The same for each value of a label.
    pub fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'l str, f64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, |family| {
            values
                .into_iter()
                .try_for_each(|(of, value)| family.encode_family(&[(label, of)])?.encode_gauge(&value))
        })
    }

    /// How observations are distributed.
    pub fn histogram(&mut self, name: &str, help: &str, seen: &Distribution) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, |family| distribution(family, seen))
    }

    /// The same for each value of a label.
    pub fn histograms<'l>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        seen: impl IntoIterator<Item = (&'l str, Distribution)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, |family| {
            seen.into_iter()
                .try_for_each(|(of, seen)| distribution(&mut family.encode_family(&[(label, of)])?, &seen))
        })
    }

    /// What does not change while the process runs; the name is given without `_info`.
    pub fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) -> fmt::Result {
        self.family(name, help, MetricType::Info, |family| family.encode_info(&labels))
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(&mut self.0.encode_descriptor(name, help, None, kind)?)
    }
}

fn count(encoder: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    encoder.encode_counter(&value, None::<&Exemplar<NoLabels, f64>>)
}

fn distribution(encoder: &mut MetricEncoder<'_>, seen: &Distribution) -> fmt::Result {
    encoder.encode_histogram::<NoLabels>(seen.sum, seen.count, &seen.buckets, None)
}
