//! Every statement, understood by the engine without being run.

use paddock_store::Store;

pub(crate) async fn every_statement_is_understood(store: Store) {
    let constant = paddock_store::statements();
    assert!(constant.len() > 20, "the list of statements has become too short to be all of them");
    for (name, sql) in constant {
        store.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    for sql in paddock_store::sandbox::list_statements() {
        store.prepare(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    assert!(store.prepare("SELECT nothing FROM nowhere").await.is_err(), "preparing does look at the text");
}
