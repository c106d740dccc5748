//! A reply is sent once.

use proscenium::prelude::*;

fn answer(reply: Reply<u32>) {
    reply.send(3);
    reply.send(4);
}

fn main() {}
