//! Samples, what is made of them, and the table of all.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

/// What the numbers of a series are.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    Milliseconds,
    Mebibytes,
    MegabytesPerSecond,
}

impl Unit {
    fn short(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Mebibytes => "MiB",
            Self::MegabytesPerSecond => "MB/s",
        }
    }
}

/// Samples of one thing, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Series(Vec<f64>);

impl Series {
    pub(super) fn of(sample: f64) -> Self {
        Self(vec![sample])
    }

    pub(super) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// Adds a time, in milliseconds.
    pub(super) fn push_time(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1000.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The middle sample; 0 without any.
    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The sample below which `part` (0 to 1) of all lie, interpolated; 0 without any.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
        let place = part.clamp(0.0, 1.0) * last as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `last`")]
        let below = place.floor() as usize;
        let above = (below + 1).min(last);
        sorted[below] + (sorted[above] - sorted[below]) * place.fract()
    }
}

/// How a series stands to its baseline, or to a promise.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Against {
    /// So many times the baseline.
    Times(f64),
    /// So much more than the baseline, in the row's unit.
    More(f64),
    /// The number itself, in the row's unit.
    Alone(f64),
}

impl Against {
    fn number(self) -> f64 {
        match self {
            Self::Times(number) | Self::More(number) | Self::Alone(number) => number,
        }
    }

    fn text(self, unit: Unit) -> String {
        match self {
            Self::Times(ratio) => format!("{ratio:.2} ×"),
            Self::More(more) => format!("{more:+.2} {}", unit.short()),
            Self::Alone(number) => format!("{number:.1} {}", unit.short()),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    figure: String,
    series: String,
    unit: Unit,
    median: f64,
    p10: f64,
    p90: f64,
    samples: usize,
    against_baseline: Option<Against>,
    /// The most that `against_baseline` may be.
    promise: Option<f64>,
    is_kept: Option<bool>,
}

impl Row {
    pub(super) fn new(figure: &str, series: &str, unit: Unit, samples: &Series) -> Self {
        Self {
            figure: figure.to_owned(),
            series: series.to_owned(),
            unit,
            median: samples.median(),
            p10: samples.quantile(0.1),
            p90: samples.quantile(0.9),
            samples: samples.len(),
            against_baseline: None,
            promise: None,
            is_kept: None,
        }
    }

    pub(super) fn against(self, against: Against) -> Self {
        Self { against_baseline: Some(against), ..self }
    }

    /// Promises that what was said by [`Row::against`] is at most `limit`.
    pub(super) fn promised(self, limit: f64) -> Self {
        let is_kept = self.against_baseline.map(|against| against.number() <= limit);
        Self { promise: Some(limit), is_kept, ..self }
    }
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a row, and shows it at once: a whole run takes minutes.
    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn print(&self) {
        let headers = ["figure", "series", "median", "10 % – 90 %", "n", "against baseline", "promise"];
        let mut lines = vec![headers.map(str::to_owned)];
        let mut last = "";
        for row in &self.rows {
            let figure = if row.figure == last { String::new() } else { row.figure.clone() };
            last = &row.figure;
            lines.push([
                figure,
                row.series.clone(),
                format!("{:.2} {}", row.median, row.unit.short()),
                if row.samples > 1 { format!("{:.2} – {:.2}", row.p10, row.p90) } else { String::new() },
                row.samples.to_string(),
                row.against_baseline.map_or_else(String::new, |against| against.text(row.unit)),
                match (row.promise, row.is_kept) {
                    (Some(limit), Some(true)) => format!("≤ {limit}: kept"),
                    (Some(limit), _) => format!("≤ {limit}: MISSED"),
                    (None, _) => String::new(),
                },
            ]);
        }
        let widths: Vec<usize> = (0..headers.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for line in lines {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[f64]) -> Series {
        Series(samples.to_vec())
    }

    #[test]
    fn a_median_is_the_middle_whatever_the_order() {
        assert!((series(&[9.0, 1.0, 5.0]).median() - 5.0).abs() < 1e-9);
        assert!((series(&[4.0, 1.0]).median() - 2.5).abs() < 1e-9);
        assert!(series(&[]).median().abs() < 1e-9);
    }

    #[test]
    fn a_quantile_of_one_sample_is_that_sample() {
        assert!((series(&[7.0]).quantile(0.9) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_promise_is_kept_up_to_its_limit_and_missed_beyond() {
        let row = || Row::new("", "", Unit::Milliseconds, &series(&[1.0]));
        assert_eq!(row().against(Against::Times(2.5)).promised(2.5).is_kept, Some(true));
        assert_eq!(row().against(Against::Times(2.6)).promised(2.5).is_kept, Some(false));
    }
}
