//! The example says what it says that it says.

#[expect(dead_code, reason = "its main is not ours")]
#[path = "../../examples/isolated_parser.rs"]
mod isolated_parser;
#[path = "../../examples/told/mod.rs"]
mod told;

pub(crate) use isolated_parser::Parser;

pub(crate) fn a_parser_that_overflows_its_stack_is_started_again() {
    let (sender, lines) = async_channel::unbounded();
    isolated_parser::play(move |line| sender.try_send(line.to_owned()).expect("it is read below"))
        .expect("nothing fails that is not meant to");
    let played: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
    let told = told::told(include_str!("../../examples/isolated_parser.rs"));
    assert_eq!(played, told);
}
