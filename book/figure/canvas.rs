//! What pictures are drawn with: boxes, lines and words, in whole pixels.

use std::fmt::Write;

/// How wide a letter is. All of them are as wide: words are set in a monospaced font, since no other's width is known.
pub(super) const LETTER: usize = 8;
/// How high a line is.
pub(super) const LINE: usize = 26;
/// The space around everything.
pub(super) const MARGIN: usize = 16;

/// The colours, by what they mean. They are read on a white ground, which a picture brings along.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Plain,
    Faint,
    Ends,
    New,
}

impl Ink {
    fn colour(self) -> &'static str {
        match self {
            Ink::Plain => "#24292f",
            Ink::Faint => "#6e7781",
            Ink::Ends => "#cf222e",
            Ink::New => "#1a7f37",
        }
    }
}

/// A picture in the making.
#[derive(Default)]
pub(super) struct Canvas {
    body: String,
    width: usize,
    height: usize,
}

impl Canvas {
    pub(super) fn text(&mut self, x: usize, y: usize, ink: Ink, text: &str) {
        let text_width = text.chars().count() * LETTER;
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Whatever font there is, the words take the room that was measured for them.
        self.add(&format!(
            r#"<text x="{x}" y="{y}" fill="{}" textLength="{text_width}" lengthAdjust="spacingAndGlyphs">{escaped}</text>"#,
            ink.colour(),
        ));
        self.reach(x + text_width, y + 8);
    }

    pub(super) fn line(&mut self, from: (usize, usize), to: (usize, usize), ink: Ink) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(&format!(r#"<path d="M{x1} {y1}L{x2} {y2}" stroke="{}" fill="none"/>"#, ink.colour()));
        self.reach(x1.max(x2), y1.max(y2));
    }

    /// A line with a point at its end; it runs to the left or to the right.
    pub(super) fn arrow(&mut self, from: (usize, usize), to: (usize, usize), ink: Ink) {
        self.line(from, to, ink);
        let (x, y) = to;
        let back = if from.0 < x { x - 7 } else { x + 7 };
        self.add(&format!(r#"<path d="M{x} {y}L{back} {}L{back} {}Z" fill="{}"/>"#, y - 4, y + 4, ink.colour()));
    }

    pub(super) fn frame(&mut self, corner: (usize, usize), size: (usize, usize), ink: Ink) {
        let ((x, y), (width, height)) = (corner, size);
        self.add(&format!(
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="none" stroke="{}"/>"#,
            ink.colour(),
        ));
        self.reach(x + width, y + height);
    }

    pub(super) fn finish(self) -> String {
        let (width, height) = (self.width + MARGIN, self.height + MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\">\n\
             <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body,
        )
    }

    fn add(&mut self, element: &str) {
        writeln!(self.body, "{element}").expect("a String takes whatever is written to it");
    }

    fn reach(&mut self, x: usize, y: usize) {
        self.width = self.width.max(x);
        self.height = self.height.max(y);
    }
}
