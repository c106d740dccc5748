//! Thumbnails, made by a troupe: workers come while pictures wait, and one that dies takes no picture with it but its own.
//!
//! ```sh
//! cargo run --example thumbnails          # plays it
//! cargo run --example thumbnails -- DIR   # and writes the thumbnails there, as PPM files
//! ```
//!
//! ```text
//! picture 1: 32 x 24, its middle is #2020e1
//! picture 2: 32 x 24, its middle is #4040c3
//! picture 3: 32 x 24, its middle is #6060a5
//! picture 4: a job for troupe thumbnails: its worker ended, at attempt 1: 230400 bytes expected, 100000 found
//! picture 5: 32 x 24, its middle is #a0a069
//! picture 6: 32 x 24, its middle is #c0c04b
//! done: 5, failed: 1, left over: 0
//! ```

#[cfg(test)]
mod told;

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;

use proscenium::prelude::*;
use proscenium::{JobError, WhenFull};

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// How many times smaller a thumbnail is, each way.
const SCALE: usize = 10;

/// Three bytes for each pixel, line by line.
#[derive(Clone)]
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Pixels are missing.
#[derive(Debug)]
struct CutOff {
    expected: usize,
    found: usize,
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes expected, {} found", self.expected, self.found)
    }
}

impl std::error::Error for CutOff {}

impl Picture {
    /// A blue sky over a red ground, of a colour of its own in the middle.
    fn painted(number: u8) -> Self {
        let pixel = |x: usize, y: usize| {
            let in_middle = x.abs_diff(WIDTH / 2) < WIDTH / 4 && y.abs_diff(HEIGHT / 2) < HEIGHT / 4;
            match (in_middle, y < HEIGHT / 2) {
                (true, _) => [number * 32, number * 32, 255 - number * 30],
                (false, true) => [90, 160, 250],
                (false, false) => [150, 60, 30],
            }
        };
        let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y))).collect();
        Picture { width: WIDTH, height: HEIGHT, pixels }
    }

    fn check(&self) -> Result<(), CutOff> {
        let (expected, found) = (self.width * self.height * 3, self.pixels.len());
        if expected == found { Ok(()) } else { Err(CutOff { expected, found }) }
    }

    /// Each pixel is the mean of a square: a box filter.
    fn shrink(&self, scale: usize) -> Picture {
        let (width, height) = (self.width / scale, self.height / scale);
        let mean = |x: usize, y: usize, colour: usize| {
            let square = (0..scale * scale).map(|i| (x * scale + i % scale, y * scale + i / scale));
            let sum: usize = square.map(|(x, y)| usize::from(self.pixels[(y * self.width + x) * 3 + colour])).sum();
            u8::try_from(sum / (scale * scale)).expect("a mean of bytes is one")
        };
        let mean = &mean;
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| mean(x, y, c))));
        Picture { width, height, pixels: pixels.collect() }
    }

    fn middle(&self) -> &[u8] {
        let middle = (self.height / 2 * self.width + self.width / 2) * 3;
        &self.pixels[middle..middle + 3]
    }

    fn write_ppm(&self, file: &Path) -> std::io::Result<()> {
        fs::write(file, [format!("P6 {} {} 255\n", self.width, self.height).as_bytes(), &self.pixels].concat())
    }
}

/// A worker: an ordinary server.
struct Thumbnailer {
    scale: usize,
}

enum Job {
    Shrink(Picture, Reply<Picture>),
}

impl GenServer for Thumbnailer {
    type Args = usize;
    type Message = Job;

    async fn init(scale: usize, _ctx: &mut Context<Job>) -> Result<Self, ExitReason> {
        Ok(Thumbnailer { scale })
    }

    async fn handle(&mut self, Job::Shrink(picture, reply): Job, _ctx: &mut Context<Job>) -> Result<(), ExitReason> {
        picture.check()?; // Let it crash: another worker comes, and who asked is told why.
        reply.send(picture.shrink(self.scale));
        Ok(())
    }
}

/// What a customer got.
type Served = (u8, Result<Picture, JobError>);

/// Plays it all, and calls `say` with what happens.
fn play(say: impl Fn(&str) + Send + Sync + 'static, folder: Option<String>) -> Result<(), ExitReason> {
    System::new("gallery").run(|mut ctx: Context<Served>| async move {
        let troupe = Troupe::new(|seat| Thumbnailer::start(SCALE).feed(seat))
            .workers(1..=4)
            .queue(2, WhenFull::Wait)
            .name("thumbnails");
        let thumbnails = troupe.handle();
        Supervisor::one_for_one().child(ChildSpec::new("thumbnails", troupe)).start_link(&mut ctx).await?;

        for number in 1..=6 {
            let (thumbnails, gallery) = (thumbnails.clone(), ctx.address());
            ctx.spawn_link(move |_ctx: Context<()>| async move {
                let mut picture = Picture::painted(number);
                if number == 4 {
                    picture.pixels.truncate(100_000);
                }
                let thumbnail = thumbnails.call(|reply| Job::Shrink(picture, reply)).await;
                gallery.cast((number, thumbnail));
            });
        }

        let mut served = Vec::new();
        for _ in 1..=6 {
            served.push(ctx.receive_message().await);
        }
        served.sort_by_key(|(number, _)| *number);
        for (number, thumbnail) in served {
            match thumbnail {
                Ok(thumbnail) => {
                    let middle: String = thumbnail.middle().iter().map(|byte| format!("{byte:02x}")).collect();
                    let Picture { width, height, .. } = &thumbnail;
                    say(&format!("picture {number}: {width} x {height}, its middle is #{middle}"));
                    if let Some(folder) = &folder {
                        thumbnail.write_ppm(&Path::new(folder).join(format!("{number}.ppm")))?;
                    }
                }
                Err(error) => say(&format!("picture {number}: {error}")),
            }
        }
        thumbnails.drain().await;
        let status = thumbnails.status();
        say(&format!(
            "done: {}, failed: {}, left over: {}",
            status.done,
            status.failed,
            status.queued + status.running
        ));
        Ok(())
    })
}

fn main() -> Result<(), ExitReason> {
    play(|line| println!("{line}"), env::args().nth(1))
}

#[test]
fn it_plays_as_told_above() {
    let (sender, lines) = async_channel::unbounded();
    play(move |line| sender.try_send(line.to_owned()).expect("it is read below"), None)
        .expect("nothing fails that is not meant to");
    let played: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
    let told = told::told(include_str!("thumbnails.rs"));
    assert_eq!(played, told);
}
