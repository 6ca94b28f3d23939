//! The figure: the correlations of both structures, and the variograms of two metals.

use std::error::Error;
use std::path::Path;

use coregion::prelude::*;
use plotters::prelude::*;

use crate::CHOSEN;
use crate::drawing::{Area, BLUE, FONT, GREY, RED, legend, mesh};
use crate::heatmap::{Correlations, draw_correlations};
use crate::report::{SHOWN, correlations};
use crate::structures::Structure;
use crate::variogram::{LAGS, Variogram};

const SIZE: (u32, u32) = (1000, 900);
const STEPS: usize = 200;

/// Writes the figure as an SVG file.
pub(crate) fn draw(
    path: &Path,
    variogram: &Variogram,
    gp: &FittedMultiTaskGp,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((2, 2));
    let structures = Structure::all(gp);
    for (area, (name, s)) in
        panels.iter().zip(["Long range", "Short range"].iter().zip(&structures))
    {
        let values = correlations(&s.b);
        let panel = Correlations {
            title: &format!("{name}: within {:.2} km", s.range()),
            names: gp.task_names(),
            values: values.view(),
            errors: None,
        };
        draw_correlations(area, &panel)?;
    }
    for (area, t) in panels.iter().skip(2).zip(SHOWN) {
        let nugget = gp.noise_covariance()[[t, t]];
        draw_variogram(area, variogram, &structures, nugget, t)?;
    }
    root.present()?;
    Ok(())
}

fn draw_variogram(
    area: &Area,
    variogram: &Variogram,
    structures: &[Structure],
    nugget: f64,
    t: usize,
) -> Result<(), Box<dyn Error>> {
    let [long, short] = structures else { return Ok(()) };
    let sum = |lag: f64| nugget + long.semivariance(lag, t) + short.semivariance(lag, t);
    let measured = variogram.measured.column(t);
    let end = LAGS[LAGS.len() - 1];
    let high = 1.1 * measured.iter().fold(sum(end), |m, v| m.max(*v));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("Semivariance of log {}", CHOSEN[t]), (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..end, 0.0..high)?;
    mesh(&mut chart, [14, 15]).x_desc("distance, km").draw()?;
    type Part<'a> = Box<dyn Fn(f64) -> f64 + 'a>;
    let within = |s: &Structure| format!("within {:.2} km", s.range());
    let parts: [(String, RGBColor, Part); 4] = [
        ("nugget".to_string(), GREY, Box::new(|_| nugget)),
        (within(short), RED, Box::new(|lag| short.semivariance(lag, t))),
        (within(long), BLUE, Box::new(|lag| long.semivariance(lag, t))),
        ("sum".to_string(), BLACK, Box::new(sum)),
    ];
    for (name, colour, part) in parts {
        let at = (0..=STEPS).map(|i| end * i as f64 / STEPS as f64);
        let line = LineSeries::new(at.map(|lag| (lag, part(lag))), colour.stroke_width(2));
        chart
            .draw_series(line)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    let points = variogram.lags.iter().zip(measured);
    chart
        .draw_series(points.map(|(&lag, &v)| Circle::new((lag, v), 4, BLACK.filled())))?
        .label("measured")
        .legend(|(x, y)| Circle::new((x + 8, y), 4, BLACK.filled()));
    if t == SHOWN[0] {
        legend(&mut chart, SeriesLabelPosition::UpperLeft, 18, 14)?;
    }
    Ok(())
}
