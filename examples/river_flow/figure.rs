//! The figure: a test block as it came and as it was predicted, and the errors at each gauge.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, Axis};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::data::{AHEAD, GAUGES, Windows};
use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};
use crate::ridge::blocks;
use crate::score::Score;

const SIZE: (u32, u32) = (1160, 520);
const LEFT: u32 = 600;
/// The gauge whose flow is shown: one where the models differ.
const SHOWN: usize = 3;
/// Colour of the models of one gauge each.
const GREEN: RGBColor = RGBColor(27, 120, 55);
/// Colours of the first scores, which alone are drawn.
const COLOURS: [RGBColor; 4] = [BLUE, GREEN, RED, GREY];

/// Writes the figure as an SVG file. The scores begin with those of the multi-task model, the models of
/// one gauge each, linear ridge regression and persistence.
pub(crate) fn draw(path: &Path, test: &Windows, scores: &[Score]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(LEFT);
    let rows = liveliest(test).ok_or("no test rows")?;
    draw_block(&left, test, &rows, scores)?;
    draw_errors(&right, scores)?;
    root.present()?;
    Ok(())
}

/// The test block in which the flow at the gauge shown varies most.
fn liveliest(test: &Windows) -> Option<Vec<usize>> {
    let flows = test.y.column(SHOWN);
    let spread = |rows: &Vec<usize>| flows.select(Axis(0), rows).std(0.0);
    blocks(&test.block).into_iter().max_by(|a, b| spread(a).total_cmp(&spread(b)))
}

fn draw_block(
    area: &Area,
    test: &Windows,
    rows: &[usize],
    scores: &[Score],
) -> Result<(), Box<dyn Error>> {
    let line = |flows: &Array2<f64>| -> Vec<(f64, f64)> {
        rows.iter().map(|&i| ((test.hour[i] + AHEAD) as f64 / 24.0, flows[[i, SHOWN]])).collect()
    };
    let mut lines = vec![("measured", BLACK, line(&test.y))];
    for (score, colour) in scores.iter().zip(COLOURS) {
        lines.push((score.name, colour, line(&score.flows)));
    }
    let values = || lines.iter().flat_map(|l| l.2.iter().copied());
    let low = values().fold(f64::INFINITY, |m, v| m.min(v.1));
    let high = values().fold(f64::NEG_INFINITY, |m, v| m.max(v.1));
    let from = values().fold(f64::INFINITY, |m, v| m.min(v.0));
    let to = values().fold(f64::NEG_INFINITY, |m, v| m.max(v.0));
    let margin = 0.05 * (high - low);
    let title = format!("Flow at {}, predicted {AHEAD} hours before", GAUGES[SHOWN]);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(62)
        .build_cartesian_2d(from..to, low - margin..high + margin)?;
    mesh(&mut chart, [15, 17])
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.0}"))
        .x_desc("day")
        .y_desc("flow")
        .draw()?;
    for (name, colour, points) in lines {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight, 24, 15)
}

fn draw_errors(area: &Area, scores: &[Score]) -> Result<(), Box<dyn Error>> {
    let n = GAUGES.len() as f64;
    let drawn = scores.iter().zip(COLOURS);
    let high = drawn.flat_map(|(s, _)| s.errors.iter()).fold(0.0f64, |m, v| m.max(*v)) * 1.5;
    let mut chart = ChartBuilder::on(area)
        .caption("RMSE relative to the training mean", (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..high, n..-0.2)?;
    mesh(&mut chart, [15, 17])
        .disable_y_mesh()
        .y_labels(0)
        .x_label_formatter(&|v| format!("{v:.1}"))
        .draw()?;
    for (k, (score, colour)) in scores.iter().zip(COLOURS).enumerate() {
        let place = 0.2 + 0.2 * k as f64;
        let points = score.errors.iter().enumerate();
        let dot = |(t, &e): (usize, &f64)| Circle::new((e, t as f64 + place), 5, colour.filled());
        chart
            .draw_series(points.map(dot))?
            .label(format!("{}: mean {:.3}", score.name, score.mean))
            .legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
    }
    for (t, name) in GAUGES.iter().enumerate() {
        let style = (FONT, 15).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
        chart.draw_series([Text::new(*name, (-0.01 * high, t as f64 + 0.5), style)])?;
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight, 24, 15)
}
