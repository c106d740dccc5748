//! The example says what it says that it says.

#[expect(dead_code, reason = "its main is not ours")]
#[path = "../../examples/isolated_parser.rs"]
mod isolated_parser;

pub(crate) use isolated_parser::Parser;

pub(crate) fn a_parser_that_overflows_its_stack_is_started_again() {
    let (sender, lines) = async_channel::unbounded();
    isolated_parser::play(move |line| sender.try_send(line.to_owned()).expect("it is read below"))
        .expect("nothing fails that is not meant to");
    let played: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
    let told: Vec<&str> = include_str!("../../examples/isolated_parser.rs")
        .lines()
        .skip_while(|line| !line.starts_with("//! ```text"))
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//! "))
        .collect();
    assert_eq!(played, told);
}
