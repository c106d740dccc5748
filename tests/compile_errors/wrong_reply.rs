//! Each request has a reply of a type of its own.

use proscenium::prelude::*;

enum Stock {
    Count(Reply<u32>),
}

fn answer(Stock::Count(reply): Stock) {
    reply.send("three");
}

fn main() {}
