//! The official SDKs, unmodified, against the real server and real sandboxes; and a raw client
//! for what no SDK would send.

mod raw;

use paddock_tests::script::{python, typescript};

#[test]
fn python_goes_through_a_sandboxs_whole_life() {
    python("life");
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
fn python_sees_typed_errors() {
    python("errors");
}

#[test]
fn python_async_client_works_side_by_side() {
    python("side_by_side");
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
