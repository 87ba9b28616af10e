//! Charts that a `code-run` has shown.
//!
//! Every field is optional for clients. Text and numbers are kept apart strictly, because the
//! Python client refuses the whole answer over one number where it wants text (`value` of bars).

use serde::{Deserialize, Serialize};

/// One figure.
///
/// Source: `Chart` of the reference's generated clients (snake_case there too).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Chart {
    /// `line`, `scatter`, `bar`, `pie`, `box_and_whisker`, `composite_chart` or `unknown`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Title of the axes; the figure's own for a composite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The whole figure as base64 of a PNG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub png: Option<String>,
    /// The data; empty for `unknown`.
    #[serde(default)]
    pub elements: Vec<ChartElement>,
    /// Label of the x axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
    /// Label of the y axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_label: Option<String>,
    /// Absent on date axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_ticks: Option<Vec<f64>>,
    /// Absent on date axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_ticks: Option<Vec<f64>>,
    /// The texts at the ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_tick_labels: Option<Vec<String>>,
    /// The texts at the ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_tick_labels: Option<Vec<String>>,
    /// `linear`, `log`, `symlog`, …, `categorical` or `datetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_scale: Option<String>,
    /// As `x_scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_scale: Option<String>,
}

/// A part of a chart: a line, a bar, a wedge, a box; or one chart of a composite.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChartElement {
    /// What the legend or the tick calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The series a bar belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A bar's length: **text**, which is what clients expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Points of a line or a scatter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Vec<[f64; 2]>>,
    /// A wedge's angle in degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub angle: Option<f64>,
    /// A wedge's radius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius: Option<f64>,
    /// Lower whisker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Lower edge of the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_quartile: Option<f64>,
    /// Line in the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// Upper edge of the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_quartile: Option<f64>,
    /// Upper whisker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Points outside the whiskers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outliers: Option<Vec<f64>>,

    /// Set when the element is a chart of a composite, as are the fields below.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub png: Option<String>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_label: Option<String>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_ticks: Option<Vec<f64>>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_ticks: Option<Vec<f64>>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_tick_labels: Option<Vec<String>>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_tick_labels: Option<Vec<String>>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_scale: Option<String>,
    /// As in [`Chart`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_scale: Option<String>,
    /// The data of a chart of a composite; typed clients lose it, TypeScript shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub elements: Option<Vec<ChartElement>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_whose_value_is_a_number_is_not_a_chart() {
        let chart = r#"{"type":"bar","elements":[{"label":"a","value":1.5}]}"#;
        assert!(serde_json::from_str::<Chart>(chart).is_err());
        let chart = r#"{"type":"bar","elements":[{"label":"a","value":"1.5"}]}"#;
        let chart: Chart = serde_json::from_str(chart).unwrap();
        assert_eq!(chart.elements[0].value.as_deref(), Some("1.5"));
    }

    #[test]
    fn elements_are_always_sent() {
        let chart = Chart { kind: Some("unknown".to_owned()), ..Chart::default() };
        assert_eq!(serde_json::to_string(&chart).unwrap(), r#"{"type":"unknown","elements":[]}"#);
    }
}
