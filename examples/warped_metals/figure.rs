//! The figure: for each metal the medians predicted without a warp, under the logarithm and under a learned
//! one, against what was measured.

use std::error::Error;
use std::path::Path;

use ndarray::Array1;
use plotters::prelude::*;

use crate::Line;
use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};

const SIZE: (u32, u32) = (1240, 560);
/// Warps drawn, with their colours.
const DRAWN: [(&str, RGBColor); 3] = [("identity", GREY), ("log", RED), ("box-cox", BLUE)];

/// Writes the figure as an SVG file.
pub(crate) fn draw(
    path: &Path,
    jobs: &[(&str, Vec<Line>, Array1<f64>)],
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, job) in root.split_evenly((1, jobs.len())).iter().zip(jobs) {
        draw_medians(area, job)?;
    }
    root.present()?;
    Ok(())
}

/// Predicted against measured.
fn draw_medians(
    area: &Area,
    (metal, lines, truth): &(&str, Vec<Line>, Array1<f64>),
) -> Result<(), Box<dyn Error>> {
    let high = truth.iter().fold(0.0f64, |m, v| m.max(*v)) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{metal} at the validation sites, mg/kg"), (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..high, 0.0..high)?;
    mesh(&mut chart, [15, 17]).x_desc("measured").y_desc("predicted median").draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (high, high)], BLACK.mix(0.5)))?;
    for (name, colour) in DRAWN {
        let Some(line) = lines.iter().find(|l| l.name == name) else { continue };
        let points = truth.iter().copied().zip(line.score.medians.iter().copied());
        chart
            .draw_series(points.map(|p| Circle::new(p, 3, colour.filled())))?
            .label(format!("{name}: MAE {:.3}", line.score.mae()))
            .legend(move |p| Circle::new((p.0 + 8, p.1), 4, colour.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft, 18, 15)?;
    Ok(())
}
