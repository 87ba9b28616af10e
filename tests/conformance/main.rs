//! The official SDKs, unmodified, against the real server and real sandboxes; and a raw client
//! for what no SDK would send.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod raw;
mod replay;

use paddock_tests::script::{
    old_python, old_typescript, python, python_through_passage, typescript, typescript_through_passage,
};

#[test]
fn python_goes_through_a_sandboxs_whole_life() {
    python("life");
}

#[test]
fn python_pauses_resizes_forks_archives_and_sets_timers() {
    python("lifecycle");
}

#[test]
fn python_keeps_warm_pools_and_is_given_their_sandboxes() {
    python("warm_pools");
}

#[test]
fn python_links_sandboxes_that_find_each_other_by_name() {
    python("linked");
}

#[test]
fn python_sees_timers_of_a_minute_fire() {
    python("timers");
}

#[test]
fn typescript_pauses_resizes_forks_archives_and_sets_timers() {
    typescript("lifecycle");
}

#[test]
fn python_shares_files_between_sandboxes_by_volumes() {
    python("volumes");
}

#[test]
fn typescript_shares_files_between_sandboxes_by_volumes() {
    typescript("volumes");
}

#[test]
fn python_runs_code_in_three_languages_and_gets_a_chart() {
    python("code_run");
}

#[test]
fn python_moves_files_up_and_down() {
    python("files");
}

#[test]
fn python_moves_a_gibibyte_and_its_checksum_stays() {
    python("big_file");
}

#[test]
fn python_makes_sandboxes_and_snapshots_of_images_and_builds() {
    python("images");
}

#[test]
fn python_builds_on_the_image_that_it_takes_by_itself() {
    python("declarative");
}

#[test]
fn typescript_makes_sandboxes_and_snapshots_of_images_and_builds() {
    typescript("images");
}

#[test]
fn python_sees_typed_errors() {
    python("errors");
}

#[test]
fn python_async_client_works_side_by_side() {
    python("side_by_side");
}

#[test]
fn python_keeps_the_state_of_sessions_and_follows_their_logs() {
    python("sessions");
}

#[test]
fn python_works_at_terminals() {
    python("pty");
}

#[test]
fn python_keeps_the_state_of_interpreters() {
    python("interpreter");
}

#[test]
fn python_does_every_operation_of_git() {
    python("git");
}

#[test]
fn python_asks_language_servers() {
    python("language_servers");
}

#[test]
fn python_uses_signed_addresses_ports_and_metrics() {
    python("edges");
}

#[test]
fn python_async_client_uses_the_whole_toolbox_at_once() {
    python("async_toolbox");
}

#[test]
fn python_waits_by_events_and_by_polling_when_the_stream_is_cut() {
    python_through_passage("events");
}

#[test]
fn python_async_client_waits_by_events_and_by_polling_when_the_stream_is_cut() {
    python_through_passage("async_events");
}

#[test]
fn typescript_waits_by_events_and_by_polling_when_the_stream_is_cut() {
    typescript_through_passage("events");
}

#[test]
fn an_older_python_sdk_goes_on_working() {
    old_python();
}

#[test]
fn an_older_typescript_sdk_goes_on_working() {
    old_typescript();
}

#[test]
fn typescript_uses_the_whole_toolbox() {
    typescript("toolbox");
}

#[test]
fn typescript_goes_through_a_sandboxs_whole_life() {
    typescript("life");
}

#[test]
fn typescript_runs_code_in_three_languages_and_gets_a_chart() {
    typescript("code_run");
}

#[test]
fn typescript_moves_files_up_and_down() {
    typescript("files");
}
