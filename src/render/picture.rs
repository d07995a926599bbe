//! The chart of a report's days as a PNG, drawn in process: no browser, no font of the machine.

use super::page;
use crate::report::Report;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};
use std::sync::Arc;

/// Two pixels a point, so that it is sharp on the screens of today.
const SCALE: f32 = 2.0;

/// See `font/LICENSE`.
const FONTS: [&[u8]; 2] = [include_bytes!("font/DejaVuSans.ttf"), include_bytes!("font/DejaVuSans-Bold.ttf")];

/// The picture; `None` where no day has a denial.
pub fn png(report: &Report) -> Option<Vec<u8>> {
    let svg = page::picture(report)?;
    let mut fonts = Database::new();
    FONTS.iter().for_each(|font| fonts.load_font_data(font.to_vec()));
    let options = Options { font_family: "DejaVu Sans".to_owned(), fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(&svg, &options).ok()?;
    let size = tree.size().to_int_size().scale_by(SCALE)?;
    let mut pixels = Pixmap::new(size.width(), size.height())?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, Period, Scope, sample};

    fn of(all: &[crate::advice::Advice]) -> Report {
        Report::build(&Facts::of(all), Period::week_of(jiff::civil::date(2026, 11, 11)), &Scope::default())
    }

    #[test]
    fn bars_and_letters_are_drawn() {
        let png = png(&of(&[sample::upload(), sample::probing()])).unwrap();
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (1920, 840));
        let count = |red: u8, green: u8, blue: u8| {
            pixels.pixels().iter().filter(|one| (one.red(), one.green(), one.blue()) == (red, green, blue)).count()
        };
        // The bar of Tuesday, of Saturday, and the title.
        assert!(count(0x25, 0x66, 0xd4) > 10_000 && count(0xc6, 0x2f, 0x3c) > 500);
        assert!(count(0x18, 0x20, 0x2b) > 1_000, "the letters are not there");
        assert_eq!(super::png(&of(&[sample::upload(), sample::probing()])).unwrap(), png);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(png(&of(&[])), None);
    }
}
