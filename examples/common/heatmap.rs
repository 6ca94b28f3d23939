//! A panel of task correlations.

use std::error::Error;

use ndarray::ArrayView2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::drawing::{Area, BLUE, FONT, RED};

/// Correlations between tasks and, where known, their standard errors.
pub(crate) struct Correlations<'a> {
    pub(crate) title: &'a str,
    pub(crate) names: &'a [String],
    pub(crate) values: ArrayView2<'a, f64>,
    pub(crate) errors: Option<ArrayView2<'a, f64>>,
}

/// White at 0, blue towards 1, red towards -1.
fn shade(correlation: f64) -> RGBColor {
    let end = if correlation < 0.0 { RED } else { BLUE };
    let share = correlation.abs().min(1.0);
    let mix = |e: u8| (255.0 + share * (f64::from(e) - 255.0)).round() as u8;
    RGBColor(mix(end.0), mix(end.1), mix(end.2))
}

/// Draws the correlations as a table of shaded cells.
pub(crate) fn draw_correlations(area: &Area, c: &Correlations) -> Result<(), Box<dyn Error>> {
    let n = c.names.len();
    let end = n as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(c.title, (FONT, 20).into_font())
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
