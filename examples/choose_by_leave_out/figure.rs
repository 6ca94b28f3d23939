//! The figure: each model against the chosen one, left out, cross-validated and at validation sites.

use std::error::Error;
use std::path::Path;

use ndarray::Array1;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::density::Gap;
use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};
use crate::folds::Refit;
use crate::models::Judged;

const SIZE: (u32, u32) = (1000, 760);

/// Nats a site less than the chosen model, and their standard error.
type Dot = (f64, f64);

/// Writes the figure as an SVG file.
pub(crate) fn draw(path: &Path, fits: &[Judged], refits: &[Refit]) -> Result<(), Box<dyn Error>> {
    let mut order: Vec<&Judged> = fits.iter().collect();
    order.sort_by(|a, b| b.total().total_cmp(&a.total()));
    let first = *order.first().ok_or("no models")?;
    let reference = refits.iter().find(|r| r.name == first.name);
    let (n, m) = (first.left_out.len() as f64, first.unseen.len() as f64);
    let dot = |a: &Array1<f64>, b: &Array1<f64>, count: f64| {
        let gap = Gap::of(a, b);
        (gap.sum / count, gap.error / count)
    };
    let left: Vec<_> = order.iter().map(|j| Some(dot(&j.left_out, &first.left_out, n))).collect();
    let unseen: Vec<_> = order.iter().map(|j| Some(dot(&j.unseen, &first.unseen, m))).collect();
    let anew: Vec<_> = order
        .iter()
        .map(|j| {
            let own = refits.iter().find(|r| r.name == j.name)?;
            Some(dot(&own.refitted, &reference?.refitted, n))
        })
        .collect();
    let all = || left.iter().chain(&unseen).chain(&anew).flatten();
    let low = all().fold(0.0f64, |a, d| a.min(d.0 - d.1));
    let high = all().fold(0.0f64, |a, d| a.max(d.0 + d.1));
    let margin = 0.03 * (high - low);

    let root: Area = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!("Log density of a site, less that of {}", first.name);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(250)
        .build_cartesian_2d(low - margin..high + margin, order.len() as f64..-0.2)?;
    mesh(&mut chart, [15, 17])
        .disable_y_mesh()
        .y_labels(0)
        .x_label_formatter(&|v| format!("{v:.1}"))
        .x_desc("nats a site, with one standard error of the difference")
        .draw()?;
    chart.draw_series(LineSeries::new([(0.0, -0.2), (0.0, order.len() as f64)], BLACK.mix(0.5)))?;
    let series: [(&str, RGBColor, f64, &Vec<Option<Dot>>); 3] = [
        ("left out one at a time, parameters held", BLUE, 0.25, &left),
        ("10 parts, all learned anew", GREY, 0.5, &anew),
        ("validation sites", RED, 0.75, &unseen),
    ];
    for (name, colour, offset, dots) in series {
        let places =
            || dots.iter().enumerate().filter_map(|(k, d)| d.map(|d| (k as f64 + offset, d)));
        let bar = |(y, (v, e)): (f64, Dot)| PathElement::new([(v - e, y), (v + e, y)], colour);
        chart.draw_series(places().map(bar))?;
        chart
            .draw_series(places().map(|(y, (v, _))| Circle::new((v, y), 4, colour.filled())))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
    }
    for (k, model) in order.iter().enumerate() {
        let style = (FONT, 15).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
        let at = (low - 1.5 * margin, k as f64 + 0.5);
        chart.draw_series([Text::new(model.name.clone(), at, style)])?;
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft, 24, 15)?;
    root.present()?;
    Ok(())
}
