//! A supervision tree in files, changed while it runs.
//!
//! Reads `tree.ron` and what it includes, sells some tea, and lays `tree/weekend.ron` over the running tree: one till is
//! started anew, with other arguments, and everything else goes on. Run it with `cargo run --example tree`:
//!
//! ```text
//! sold 1 and 1
//! plan: stop /front/left, to restart with other arguments
//! plan: change /front: intensity 3 -> 9
//! plan: start /front/left
//! sold 2 and 2
//! ```

#[cfg(test)]
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proscenium::prelude::*;
use proscenium::tree::{Catalog, TreeFiles};
use serde::Deserialize;

/// How much there is of what.
struct Stock {
    items: BTreeMap<String, u32>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Items {
    items: BTreeMap<String, u32>,
}

enum Take {
    Items(String, u32, Reply<bool>),
}

impl GenServer for Stock {
    type Args = Items;
    type Message = Take;

    async fn init(args: Items, _ctx: &mut Context<Take>) -> Result<Self, ExitReason> {
        Ok(Stock { items: args.items })
    }

    async fn handle(&mut self, message: Take, _ctx: &mut Context<Take>) -> Result<(), ExitReason> {
        let Take::Items(item, number, reply) = message;
        let left = self.items.entry(item).or_default();
        let taken = left.checked_sub(number);
        *left = taken.unwrap_or(*left);
        reply.send(taken.is_some());
        Ok(())
    }
}

/// Sells one kind of thing.
struct Till {
    settings: TillSettings,
    sold: u32,
}

#[derive(Clone, PartialEq, Deserialize)]
struct TillSettings {
    name: String,
    sells: String,
    #[serde(default = "one")]
    at_once: u32,
}

fn one() -> u32 {
    1
}

enum Sale {
    Sell(Reply<u32>),
}

impl GenServer for Till {
    type Args = TillSettings;
    type Message = Sale;

    async fn init(settings: TillSettings, _ctx: &mut Context<Sale>) -> Result<Self, ExitReason> {
        Ok(Till { settings, sold: 0 })
    }

    async fn handle(&mut self, message: Sale, ctx: &mut Context<Sale>) -> Result<(), ExitReason> {
        let Sale::Sell(reply) = message;
        let TillSettings { sells, at_once, .. } = &self.settings;
        let stock = ctx.system().named("stock");
        if stock.call(|reply| Take::Items(sells.clone(), *at_once, reply)).await? {
            self.sold += at_once;
        }
        reply.send(self.sold);
        Ok(())
    }
}

/// What the files may start.
fn catalog() -> Catalog {
    Catalog::new()
        .start("stock", |items| Stock::start(items).name("stock"))
        .start("till", |settings: TillSettings| Till::start(settings.clone()).name(&settings.name))
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// What there is to see, line by line.
async fn show(mut ctx: Context<()>) -> Result<Vec<String>, ExitReason> {
    let mut lines = Vec::new();
    let files = TreeFiles::new(file("tree.ron"));
    let shop = catalog().read(&files)?.start_link(&mut ctx).await?;
    let system = ctx.system().clone();
    let sell = async |till| system.named(till).call(Sale::Sell).await;
    lines.push(format!("sold {} and {}", sell("left").await?, sell("right").await?));

    let weekend = catalog().read(&files.overlay(file("tree/weekend.ron")))?;
    lines.extend(shop.plan(&weekend).to_string().lines().map(|step| format!("plan: {step}")));
    let before = ["stock", "right"].map(|name| system.whereis(name));
    shop.reload(weekend).await?;
    assert_eq!(["stock", "right"].map(|name| system.whereis(name)), before);
    lines.push(format!("sold {} and {}", sell("left").await?, sell("right").await?));
    Ok(lines)
}

fn main() -> Result<(), ExitReason> {
    System::new("shop").run(|ctx: Context<()>| async move {
        show(ctx).await?.iter().for_each(|line| println!("{line}"));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use proscenium::testing::TestSystem;

    use super::*;

    #[test]
    fn one_till_starts_anew_and_everything_else_goes_on() -> Result<(), ExitReason> {
        assert_eq!(TestSystem::new(1).run(show)?, told::told(include_str!("tree.rs")));
        Ok(())
    }
}
