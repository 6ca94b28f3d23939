//! The figure: copper filled in and by least squares, and what the models that see the other metals are
//! worth against the strongest baseline.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::drawing::{Area, BLUE, FONT, RED, legend, mesh};
use crate::scatter::{Scatter, draw_scatter};

const SIZE: (u32, u32) = (1240, 560);
const LEFT: u32 = 540;

/// A model in the panel on the right: its error less that of the strongest baseline, as a share of
/// the latter, with twice the paired standard error; one for each job.
pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) shares: Vec<(f64, f64)>,
}

/// Writes the figure as an SVG file.
pub(crate) fn draw(
    path: &Path,
    scatter: &Scatter,
    jobs: &[String],
    bars: &[Bar],
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(LEFT);
    draw_scatter(&left, scatter)?;
    draw_bars(&right, jobs, bars)?;
    root.present()?;
    Ok(())
}

fn draw_bars(area: &Area, jobs: &[String], bars: &[Bar]) -> Result<(), Box<dyn Error>> {
    let ends = || bars.iter().flat_map(|b| b.shares.iter().flat_map(|(v, e)| [v - e, v + e]));
    let low = ends().fold(-0.1f64, f64::min) - 0.05;
    let high = ends().fold(0.1f64, f64::max) + 0.05;
    let n = bars.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("Mean absolute error against the strongest baseline", (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(270)
        .build_cartesian_2d(low..high, n..0.0)?;
    mesh(&mut chart, [15, 17])
        .disable_y_mesh()
        .y_labels(0)
        .x_labels(5)
        .x_label_formatter(&|v| format!("{:+.0} %", 100.0 * v))
        .x_desc("difference, with twice its paired standard error")
        .draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (0.0, n)], BLACK.mix(0.5)))?;
    for (job, (name, colour)) in jobs.iter().zip([BLUE, RED]).enumerate() {
        let at = |k: usize| k as f64 + 0.36 + 0.28 * job as f64;
        let places = || bars.iter().enumerate().map(|(k, b)| (at(k), b.shares[job]));
        chart.draw_series(places().map(|(y, (v, e))| {
            PathElement::new([(v - e, y), (v + e, y)], colour.stroke_width(2))
        }))?;
        chart
            .draw_series(places().map(|(y, (v, _))| Circle::new((v, y), 4, colour.filled())))?
            .label(name.clone())
            .legend(move |p| Circle::new((p.0 + 8, p.1), 4, colour.filled()));
    }
    for (k, bar) in bars.iter().enumerate() {
        let style = (FONT, 15).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
        let (x, y) = chart.backend_coord(&(low, k as f64 + 0.5));
        area.draw(&Text::new(bar.name, (x - LEFT as i32 - 10, y), style))?;
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight, 18, 15)?;
    Ok(())
}
