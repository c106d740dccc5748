//! What the compiler says to mistakes that everybody makes once: each program with its words beside it, in `NAME.stderr`.
//!
//! They are those of a recent compiler. If another one says them otherwise, `TRYBUILD=overwrite cargo test --test
//! compile_errors` writes them anew; read what has changed.

#[test]
fn what_the_compiler_says_to_a_mistake_reads_well() {
    trybuild::TestCases::new().compile_fail("tests/compile_errors/*.rs");
}
