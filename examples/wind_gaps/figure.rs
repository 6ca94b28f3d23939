//! The figure: one gap filled at the stations missing, and errors as the model said against those found.

use std::error::Error;
use std::path::Path;

use coregion::analysis::metrics::normal_quantile;
use ndarray::Array1;
use plotters::prelude::*;

use crate::data::STATIONS;
use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};

const SIZE: (u32, u32) = (1240, 600);
const LEFT: u32 = 780;

/// One station around a gap. Days of the year, from 1.
pub(crate) struct Panel {
    pub(crate) station: &'static str,
    /// All days shown, those taken out too.
    pub(crate) measured: Vec<(f64, f64)>,
    /// Begin and end of the gap.
    pub(crate) gap: (f64, f64),
    /// Day, mean and standard deviation of what the models filled in.
    pub(crate) multi: Vec<(f64, f64, f64)>,
    pub(crate) single: Vec<(f64, f64, f64)>,
}

/// Writes the figure as an SVG file.
pub(crate) fn draw(
    path: &Path,
    panels: &[Panel],
    forecast: &Array1<f64>,
    found: &Array1<f64>,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(LEFT);
    let all = panels.iter().flat_map(|p| &p.measured);
    let high = all.fold(0.0f64, |m, v| m.max(v.1)) + 1.2;
    for (k, (area, panel)) in left.split_evenly((2, 2)).iter().zip(panels).enumerate() {
        draw_panel(area, panel, high, k == 0)?;
    }
    draw_errors(&right, forecast, found)?;
    root.present()?;
    Ok(())
}

fn draw_panel(area: &Area, p: &Panel, high: f64, with_legend: bool) -> Result<(), Box<dyn Error>> {
    let ends = p.measured.first().zip(p.measured.last());
    let (first, last) = ends.map_or((0.0, 1.0), |(a, b)| (a.0 - 0.5, b.0 + 0.5));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, square root of knots", p.station), (FONT, 17).into_font())
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(34)
        .build_cartesian_2d(first..last, 0.0..high)?;
    mesh(&mut chart, [14, 15])
        .y_labels(5)
        .x_labels(6)
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.0}"))
        .x_desc("day of 1978")
        .draw()?;
    let shade = [(p.gap.0, 0.0), (p.gap.1, high)];
    chart.draw_series([Rectangle::new(shade, BLACK.mix(0.05).filled())])?;
    let inside = |day: f64| day > p.gap.0 && day < p.gap.1;
    for part in p.measured.split_inclusive(|m| m.0 + 1.0 > p.gap.0 && m.0 < p.gap.1) {
        let seen = part.iter().copied().filter(|m| !inside(m.0));
        chart.draw_series(LineSeries::new(seen, GREY))?;
    }
    let wide = normal_quantile(0.975)?;
    for (values, name, colour, shift) in [
        (&p.multi, "multi-task GP, 95 %", BLUE, -0.17),
        (&p.single, "single-task GP, 95 %", RED, 0.17),
    ] {
        let bars = values.iter().map(|&(day, mean, std)| {
            let (low, top) = ((mean - wide * std).max(0.0), mean + wide * std);
            PathElement::new([(day + shift, low), (day + shift, top)], colour.stroke_width(3))
        });
        let drawn = chart.draw_series(bars)?;
        if with_legend {
            drawn.label(name).legend(move |(x, y)| {
                PathElement::new([(x + 8, y - 6), (x + 8, y + 6)], colour.stroke_width(3))
            });
        }
    }
    let taken = p.measured.iter().filter(|m| inside(m.0));
    let drawn = chart.draw_series(taken.map(|&m| Circle::new(m, 3, BLACK.filled())))?;
    if with_legend {
        drawn.label("taken out").legend(|(x, y)| Circle::new((x + 8, y), 3, BLACK.filled()));
        legend(&mut chart, SeriesLabelPosition::UpperLeft, 16, 13)?;
    }
    Ok(())
}

fn draw_errors(
    area: &Area,
    forecast: &Array1<f64>,
    found: &Array1<f64>,
) -> Result<(), Box<dyn Error>> {
    let all = || forecast.iter().chain(found);
    let low = all().fold(f64::INFINITY, |m, v| m.min(*v)) - 0.06;
    let high = all().fold(0.0f64, |m, v| m.max(*v)) + 0.05;
    let mut chart = ChartBuilder::on(area)
        .caption("Error at each station: said and found", (FONT, 17).into_font())
        .margin(8)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(low..high, low..high)?;
    mesh(&mut chart, [14, 15])
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|v| format!("{v:.2}"))
        .y_label_formatter(&|v| format!("{v:.2}"))
        .x_desc("RMSE by closed-form leave-out of the station's weeks")
        .y_desc("RMSE in the gaps")
        .draw()?;
    chart.draw_series(LineSeries::new([(low, low), (high, high)], BLACK.mix(0.5)))?;
    let points = || forecast.iter().zip(found).map(|(&x, &y)| (x, y));
    chart.draw_series(points().map(|p| Circle::new(p, 4, BLUE.filled())))?;
    for (at, name) in points().zip(STATIONS) {
        // To the left where another point lies close on the right.
        let crowded =
            points().any(|p| p.0 > at.0 && p.0 < at.0 + 0.08 && (p.1 - at.1).abs() < 0.02);
        let place = if crowded { (-32, -6) } else { (7, -6) };
        let style = (FONT, 13).into_font().color(&BLACK);
        chart.draw_series([EmptyElement::at(at) + Text::new(name, place, style)])?;
    }
    Ok(())
}
