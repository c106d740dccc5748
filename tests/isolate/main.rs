//! Servers in OS processes of their own: each fault is theirs alone, and what crosses arrives.
//!
//! The program is started again for each of them, so it has a `main` of its own, and a runner of tests in it.

mod common;
mod crossing;
mod ending;
mod example;
mod faults;
mod killing;
mod looking;
mod runner;
mod starting;
mod workshop;

use proscenium::isolate;

/// Names tests by their functions.
macro_rules! tests {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),*]
    };
}

const TESTS: &[(&str, fn())] = tests![
    faults::a_panic_is_the_exit_reason_with_its_message_and_place,
    faults::an_abort_is_an_exit_reason,
    faults::a_segfault_is_an_exit_reason,
    faults::a_stack_overflow_is_an_exit_reason,
    faults::an_exit_is_an_exit_reason_also_with_status_zero,
    faults::a_kill_from_outside_is_an_exit_reason,
    faults::a_server_that_wants_more_memory_than_it_may_have_aborts,
    faults::an_error_is_the_exit_reason_with_all_its_causes,
    faults::a_supervisor_starts_it_again_after_each_fault,
    faults::a_message_that_failed_is_not_handed_over_again,
    faults::its_end_is_told_once_and_then_its_os_process_is_gone,
    faults::messages_that_it_has_not_received_are_dead_letters,
    faults::a_server_that_breaks_the_protocol_is_killed,
    faults::a_troupe_may_have_isolated_workers_and_loses_none_for_good,
    starting::its_init_fails_the_start_as_any_server_s_does,
    starting::an_init_that_takes_too_long_is_killed,
    starting::a_server_that_main_does_not_name_is_an_error_that_names_it,
    starting::a_program_that_does_not_call_init_is_an_error,
    starting::a_start_that_is_given_up_leaves_nothing,
    starting::a_simulated_system_starts_no_os_process,
    starting::an_isolated_server_may_isolate_another,
    starting::arguments_may_hold_addresses_and_its_init_may_call_them,
    crossing::messages_arrive_in_order,
    crossing::a_call_is_answered_and_a_late_answer_answers_no_other,
    crossing::a_reply_may_be_passed_on_there_and_back,
    crossing::a_reply_that_is_dropped_tells_its_caller,
    crossing::a_server_hears_that_a_caller_has_given_up,
    crossing::an_address_is_used_there_for_casts_and_calls,
    crossing::an_address_that_comes_home_is_itself_and_two_of_one_process_are_equal,
    crossing::a_caller_there_hears_why_its_server_here_has_ended,
    crossing::a_monitor_of_a_process_here_tells_its_reason_there,
    crossing::a_link_carries_exits_both_ways,
    crossing::a_killed_stand_in_kills_the_process_for_which_it_stands,
    crossing::what_is_too_large_is_a_dead_letter_and_the_server_lives,
    crossing::what_cannot_be_serialized_or_read_is_a_dead_letter,
    crossing::a_server_that_takes_nothing_fills_its_mailbox_and_no_more,
    crossing::a_cast_to_a_busy_server_waits_for_nothing,
    crossing::large_messages_cross_whole,
    ending::a_supervisor_s_shutdown_lets_it_clean_up,
    ending::a_loop_that_never_awaits_is_killed_when_its_time_is_over,
    ending::a_brutal_kill_ends_the_os_process,
    ending::what_it_has_started_ends_with_it,
    ending::its_last_words_arrive_before_its_end,
    looking::its_log_records_come_out_here_with_pid_level_and_keys,
    looking::the_last_record_before_a_crash_is_not_lost,
    looking::a_failure_is_reported_here_with_its_state,
    looking::its_dead_letters_are_dead_letters_here,
    looking::sys_finds_the_proxy,
    example::a_parser_that_overflows_its_stack_is_started_again,
    killing::it_can_be_killed_200_times_and_nothing_is_left,
    killing::its_parent_can_be_killed_200_times_and_nothing_is_left,
    killing::nothing_outlives_the_program_that_holds_its_output,
];

fn main() {
    if runner::is("without-init") {
        return starting::without_init();
    }
    isolate::init(workshop::servers());
    if runner::is("parent") {
        return killing::parent();
    }
    runner::run(TESTS);
}
