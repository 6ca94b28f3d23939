//! Predicted against measured concentrations on logarithmic axes.

use std::error::Error;

use ndarray::ArrayView1;
use plotters::prelude::*;

use crate::drawing::{Area, BLUE, FONT, GREY, legend, mesh};

/// Measured and predicted concentrations of one metal in mg/kg.
pub(crate) struct Scatter<'a> {
    pub(crate) metal: &'a str,
    /// Concentrations marked on the axes.
    pub(crate) ticks: &'a [f64],
    pub(crate) measured: ArrayView1<'a, f64>,
    /// Two predictions with their labels: open circles, and full ones over them.
    pub(crate) predicted: [(ArrayView1<'a, f64>, String); 2],
}

pub(crate) fn draw_scatter(area: &Area, s: &Scatter) -> Result<(), Box<dyn Error>> {
    let all = || s.predicted.iter().flat_map(|(p, _)| p.iter()).chain(s.measured);
    let low = all().fold(f64::INFINITY, |m, v| m.min(*v)) / 1.15;
    let high = all().fold(0.0f64, |m, v| m.max(*v)) * 1.15;
    let ticks: Vec<f64> = s.ticks.iter().copied().filter(|t| (low..high).contains(t)).collect();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{} at the validation sites, mg/kg", s.metal), (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(62)
        .build_cartesian_2d(
            (low..high).log_scale().with_key_points(ticks.clone()),
            (low..high).log_scale().with_key_points(ticks),
        )?;
    mesh(&mut chart, [15, 17])
        .x_label_formatter(&f64::to_string)
        .y_label_formatter(&f64::to_string)
        .x_desc("measured")
        .y_desc("predicted median")
        .draw()?;
    chart.draw_series(LineSeries::new([(low, low), (high, high)], BLACK.mix(0.5)))?;
    let styles = [GREY.stroke_width(2), BLUE.mix(0.8).filled()];
    for ((predicted, label), style) in s.predicted.iter().zip(styles) {
        let points = s.measured.iter().zip(predicted);
        chart
            .draw_series(points.map(|(&x, &y)| Circle::new((x, y), 4, style)))?
            .label(label.clone())
            .legend(move |at| Circle::new((at.0 + 8, at.1), 4, style));
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft, 18, 15)
}
