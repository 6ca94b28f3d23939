//! The figure: one station predicted from the others, and the error at each station.

use std::error::Error;
use std::path::Path;

use coregion::analysis::metrics::normal_quantile;
use plotters::prelude::*;

use crate::data::Climate;
use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};
use crate::score::Score;

const SIZE: (u32, u32) = (1240, 500);
const LEFT: u32 = 780;
/// Months shown of one station.
const MONTHS: usize = 48;

/// Writes the figure as an SVG file: the scores of the model first, those of regression third, those of the
/// mean of the other stations last.
pub(crate) fn draw(
    path: &Path,
    climate: &Climate,
    station: usize,
    scores: &[Score],
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(LEFT);
    draw_station(&left, climate, station, scores)?;
    draw_errors(&right, scores)?;
    root.present()?;
    Ok(())
}

fn draw_station(
    area: &Area,
    climate: &Climate,
    station: usize,
    scores: &[Score],
) -> Result<(), Box<dyn Error>> {
    let caption = format!(
        "{}, {:.0} m, left out: monthly maximum, degrees Celsius",
        climate.names[station],
        climate.places[[station, 2]]
    );
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 17).into_font())
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(34)
        .build_cartesian_2d(0.0..MONTHS as f64, -14.0..38.0)?;
    mesh(&mut chart, [14, 15])
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.0}"))
        .x_desc(format!("months from {}", climate.months[0]))
        .draw()?;
    let wide = normal_quantile(0.975)?;
    let series = |k: usize| scores[k].series.get(station).into_iter();
    for (mean, std) in series(0) {
        let Some(std) = std else { continue };
        let edge = |sign: f64| (0..MONTHS).map(move |i| (i as f64, mean[i] + sign * wide * std[i]));
        let band: Vec<(f64, f64)> = edge(1.0).chain(edge(-1.0).rev()).collect();
        chart.draw_series([Polygon::new(band, BLUE.mix(0.2))])?;
    }
    for (k, name, colour) in
        [(scores.len() - 1, "mean of the others", GREY), (0, "multi-task GP, 95 %", BLUE)]
    {
        for (mean, _) in series(k) {
            let line = (0..MONTHS).map(|i| (i as f64, mean[i]));
            chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?.label(name).legend(
                move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)),
            );
        }
    }
    let measured = climate.degrees.column(station);
    let points = (0..MONTHS).map(|i| Circle::new((i as f64, measured[i]), 3, BLACK.filled()));
    chart
        .draw_series(points)?
        .label("measured")
        .legend(|(x, y)| Circle::new((x + 8, y), 3, BLACK.filled()));
    legend(&mut chart, SeriesLabelPosition::UpperRight, 16, 13)
}

fn draw_errors(area: &Area, scores: &[Score]) -> Result<(), Box<dyn Error>> {
    let (own, other) = (&scores[0], &scores[2]);
    let all = own.stations.iter().chain(&other.stations);
    let high = all.fold(0.0f64, |m, v| m.max(*v)) + 0.3;
    let mut chart = ChartBuilder::on(area)
        .caption("RMSE at each station left out", (FONT, 17).into_font())
        .margin(8)
        .x_label_area_size(44)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..high, 0.0..high)?;
    mesh(&mut chart, [14, 15])
        .x_labels(6)
        .y_labels(6)
        .x_desc(other.name)
        .y_desc(own.name)
        .draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (high, high)], BLACK.mix(0.5)))?;
    let points = other.stations.iter().zip(&own.stations);
    chart.draw_series(points.map(|(&a, &b)| {
        let colour = if b < a { BLUE } else { RED };
        Circle::new((a, b), 4, colour.filled())
    }))?;
    Ok(())
}
