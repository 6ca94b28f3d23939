//! The figure: the mean wind of hidden days with its intervals, and correlations by distance.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};
use crate::neighbours::Pair;

const SIZE: (u32, u32) = (1160, 520);
const LEFT: u32 = 660;

/// A predicted day: the mean over the stations and half the width of its 95 % interval.
#[derive(Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) mean: f64,
    pub(crate) half: f64,
}

/// A hidden day.
pub(crate) struct Hidden {
    /// Day of the year, from 1.
    pub(crate) day: f64,
    pub(crate) measured: f64,
    pub(crate) multi: Interval,
    pub(crate) single: Interval,
}

/// What is drawn on the left.
pub(crate) struct Days {
    /// Days of the year, from 1, and what was measured on them.
    pub(crate) measured: Vec<(f64, f64)>,
    pub(crate) hidden: Vec<Hidden>,
    /// Shares of all hidden days inside the intervals of the two models.
    pub(crate) inside: [f64; 2],
}

/// Writes the figure as an SVG file.
pub(crate) fn draw(path: &Path, days: &Days, pairs: &[Pair]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(LEFT);
    draw_days(&left, days)?;
    draw_pairs(&right, pairs)?;
    root.present()?;
    Ok(())
}

fn draw_days(area: &Area, d: &Days) -> Result<(), Box<dyn Error>> {
    let ends = |i: &Interval| [i.mean - i.half, i.mean + i.half];
    let all = || {
        let hidden = d.hidden.iter().flat_map(|h| ends(&h.multi));
        hidden.chain(d.measured.iter().map(|m| m.1))
    };
    let low = all().fold(f64::INFINITY, f64::min) - 0.1;
    let high = all().fold(f64::NEG_INFINITY, f64::max) + 0.9;
    let last = d.measured.last().map_or(1.0, |m| m.0);
    let mut chart = ChartBuilder::on(area)
        .caption("Hidden days: mean wind over the 12 stations", (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..last + 1.0, low..high)?;
    mesh(&mut chart, [15, 17])
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.1}"))
        .x_desc("day of 1978")
        .y_desc("square root of the speed in knots")
        .draw()?;
    chart.draw_series(LineSeries::new(d.measured.iter().copied(), BLACK.mix(0.3)))?;
    for (which, name, inside, colour, shift) in [
        (0, "multi-task: 95 % interval", d.inside[0], BLUE, -0.18),
        (1, "single-task: 95 % interval", d.inside[1], RED, 0.18),
    ] {
        let bar = |h: &Hidden| {
            let interval = if which == 0 { h.multi } else { h.single };
            let [low, high] = ends(&interval);
            PathElement::new([(h.day + shift, low), (h.day + shift, high)], colour.stroke_width(3))
        };
        chart
            .draw_series(d.hidden.iter().map(bar))?
            .label(format!("{name}, {:.0} % of all hidden days inside", 100.0 * inside))
            .legend(move |(x, y)| {
                PathElement::new([(x + 8, y - 6), (x + 8, y + 6)], colour.stroke_width(3))
            });
    }
    let dots = d.hidden.iter().map(|h| Circle::new((h.day, h.measured), 3, BLACK.filled()));
    chart
        .draw_series(dots)?
        .label("measured")
        .legend(|(x, y)| Circle::new((x + 8, y), 3, BLACK.filled()));
    legend(&mut chart, SeriesLabelPosition::UpperRight, 18, 15)?;
    Ok(())
}

fn draw_pairs(area: &Area, pairs: &[Pair]) -> Result<(), Box<dyn Error>> {
    let last = pairs.last().map_or(1.0, |p| p.distance);
    let least = pairs.iter().flat_map(|p| p.learned).fold(0.0f64, f64::min);
    let mut chart = ChartBuilder::on(area)
        .caption("Learned correlations of pairs of stations", (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..last * 1.05, least..1.0)?;
    mesh(&mut chart, [15, 17])
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.1}"))
        .x_desc("distance, km (unknown to the model)")
        .draw()?;
    for (k, name, style) in [
        (0, "signal, B", BLUE.mix(0.8).filled()),
        (1, "noise of the day, Sigma", GREY.stroke_width(2)),
    ] {
        chart
            .draw_series(pairs.iter().map(|p| Circle::new((p.distance, p.learned[k]), 4, style)))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, style));
    }
    legend(&mut chart, SeriesLabelPosition::LowerLeft, 18, 15)?;
    Ok(())
}
