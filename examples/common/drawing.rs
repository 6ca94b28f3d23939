//! What the figures of the examples share: where they go, their font and their colours.

use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

/// The font of every text.
pub(crate) const FONT: &str = "sans-serif";
/// What is compared with.
pub(crate) const GREY: RGBColor = RGBColor(150, 150, 150);
/// What the example is about.
pub(crate) const BLUE: RGBColor = RGBColor(33, 102, 172);
/// What goes against it.
pub(crate) const RED: RGBColor = RGBColor(178, 24, 43);

/// A part of a figure.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The place of a figure, in the folder that is the program's first argument or in
/// `target/figures`; the folder is made.
pub(crate) fn place(name: &str) -> std::io::Result<PathBuf> {
    let folder = std::env::args_os().nth(1).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/figures"),
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(name))
}

/// That place as the text shows it: relative to the project where it lies inside.
pub(crate) fn shown(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).display()
}

/// The axes of a chart over a faint grid: letters of these sizes for labels and descriptions.
pub(crate) fn mesh<'a, 'b, 'c, X, Y>(
    chart: &'b mut ChartContext<'a, SVGBackend<'c>, Cartesian2d<X, Y>>,
    [labels, descriptions]: [u32; 2],
) -> MeshStyle<'a, 'b, X, Y, SVGBackend<'c>>
where
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
{
    let mut style = chart.configure_mesh();
    style
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.08))
        .label_style((FONT, labels))
        .axis_desc_style((FONT, descriptions));
    style
}

/// Draws the legend of a chart: `line` pixels for a sample, letters of that `size`.
pub(crate) fn legend<'a, 'b: 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, SVGBackend<'b>, C>,
    position: SeriesLabelPosition,
    line: u32,
    size: u32,
) -> Result<(), Box<dyn Error>> {
    chart
        .configure_series_labels()
        .position(position)
        .legend_area_size(line)
        .label_font((FONT, size))
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
