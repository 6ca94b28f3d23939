//! The figure: cadmium predicted with and without other metals, and the correlations learned.

use std::error::Error;
use std::path::Path;

use ndarray::{ArrayView1, ArrayView2};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Concentrations marked on the axes.
const TICKS: [f64; 6] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
const SIZE: (u32, u32) = (1160, 560);
const FONT: &str = "sans-serif";
const WITHOUT: RGBColor = RGBColor(150, 150, 150);
const WITH: RGBColor = RGBColor(33, 102, 172);
const NEGATIVE: RGBColor = RGBColor(178, 24, 43);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

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

/// Correlations between tasks and, where known, their standard errors.
pub(crate) struct Correlations<'a> {
    pub(crate) names: &'a [String],
    pub(crate) values: ArrayView2<'a, f64>,
    pub(crate) errors: Option<ArrayView2<'a, f64>>,
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
    let open = WITHOUT.stroke_width(2);
    let full = WITH.mix(0.8).filled();
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

/// White at 0, blue towards 1, red towards -1.
fn shade(correlation: f64) -> RGBColor {
    let end = if correlation < 0.0 { NEGATIVE } else { WITH };
    let share = correlation.abs().min(1.0);
    let mix = |e: u8| (255.0 + share * (f64::from(e) - 255.0)).round() as u8;
    RGBColor(mix(end.0), mix(end.1), mix(end.2))
}

fn draw_correlations(area: &Area, c: &Correlations) -> Result<(), Box<dyn Error>> {
    let n = c.names.len();
    let end = n as f64;
    let title = match c.errors {
        Some(_) => "Task correlations ± standard errors",
        None => "Task correlations",
    };
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 20).into_font())
        .margin(16)
        .x_label_area_size(7)
        .y_label_area_size(55)
        .build_cartesian_2d(-0.7..end, end + 0.7..0.0)?;
    for i in 0..n {
        for j in 0..n {
            let (x, y, value) = (j as f64, i as f64, c.values[[i, j]]);
            let corners = [(x + 0.02, y + 0.02), (x + 0.98, y + 0.98)];
            chart.draw_series([Rectangle::new(corners, shade(value).filled())])?;
            let ink = if value.abs() > 0.85 { WHITE } else { BLACK };
            let style = |size: i32| {
                let centre = Pos::new(HPos::Center, VPos::Center);
                (FONT, size).into_font().color(&ink).pos(centre)
            };
            let error = c.errors.filter(|_| i != j).map(|e| e[[i, j]]);
            let line = y + if error.is_some() { 0.4 } else { 0.5 };
            chart.draw_series([Text::new(format!("{value:.2}"), (x + 0.5, line), style(17))])?;
            if let Some(error) = error {
                let text = format!("±{error:.2}");
                chart.draw_series([Text::new(text, (x + 0.5, y + 0.7), style(12))])?;
            }
        }
    }
    for (i, name) in c.names.iter().enumerate() {
        let place = i as f64 + 0.5;
        for (at, h, v) in [
            ((-0.12, place), HPos::Right, VPos::Center),
            ((place, end + 0.12), HPos::Center, VPos::Top),
        ] {
            let style = (FONT, 17).into_font().color(&BLACK).pos(Pos::new(h, v));
            chart.draw_series([Text::new(name.clone(), at, style)])?;
        }
    }
    Ok(())
}
