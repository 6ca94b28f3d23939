//! The figure: cadmium predicted with and without other metals, and the correlations learned.

use std::error::Error;
use std::path::Path;

use ndarray::ArrayView1;
use plotters::prelude::*;

use crate::drawing::{Area, BLUE, FONT, GREY};
use crate::heatmap::{Correlations, draw_correlations};

/// Concentrations marked on the axes.
const TICKS: [f64; 6] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
const SIZE: (u32, u32) = (1160, 560);

/// Measured and predicted concentrations of one metal in mg/kg.
pub(crate) struct Scatter<'a> {
    pub(crate) metal: &'a str,
    pub(crate) given: &'a str,
    pub(crate) measured: ArrayView1<'a, f64>,
    pub(crate) without: ArrayView1<'a, f64>,
    pub(crate) with: ArrayView1<'a, f64>,
    /// Mean absolute errors without and with the metals given.
    pub(crate) errors: (f64, f64),
}

/// Writes the figure as an SVG file.
pub(crate) fn draw(
    path: &Path,
    scatter: &Scatter,
    correlations: &Correlations,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    draw_scatter(&left, scatter)?;
    draw_correlations(&right, correlations)?;
    root.present()?;
    Ok(())
}

fn draw_scatter(area: &Area, s: &Scatter) -> Result<(), Box<dyn Error>> {
    let all = || s.measured.iter().chain(s.without).chain(s.with);
    let low = all().fold(f64::INFINITY, |m, v| m.min(*v)) / 1.15;
    let high = all().fold(0.0f64, |m, v| m.max(*v)) * 1.15;
    let ticks: Vec<f64> = TICKS.into_iter().filter(|t| (low..high).contains(t)).collect();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{} at the validation sites, mg/kg", s.metal), (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(62)
        .build_cartesian_2d(
            (low..high).log_scale().with_key_points(ticks.clone()),
            (low..high).log_scale().with_key_points(ticks),
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.08))
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 17))
        .x_label_formatter(&f64::to_string)
        .y_label_formatter(&f64::to_string)
        .x_desc("measured")
        .y_desc("predicted median")
        .draw()?;
    chart.draw_series(LineSeries::new([(low, low), (high, high)], BLACK.mix(0.5)))?;
    let points = |predicted: ArrayView1<f64>, style: ShapeStyle| {
        let pairs = s.measured.iter().zip(predicted);
        pairs.map(|(&x, &y)| Circle::new((x, y), 4, style)).collect::<Vec<_>>()
    };
    let open = GREY.stroke_width(2);
    let full = BLUE.mix(0.8).filled();
    chart
        .draw_series(points(s.without, open))?
        .label(format!("from the location: MAE {:.3}", s.errors.0))
        .legend(move |at| Circle::new((at.0 + 8, at.1), 4, open));
    chart
        .draw_series(points(s.with, full))?
        .label(format!("with {} at the site: MAE {:.3}", s.given, s.errors.1))
        .legend(move |at| Circle::new((at.0 + 8, at.1), 4, full));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .legend_area_size(18)
        .label_font((FONT, 15))
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
