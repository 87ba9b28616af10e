//! Who hears what.

use axum::http::Method;
use paddock_testkit::runner::FakeRunner;
use paddock_wire_runner::RootState;
use serde_json::{Value, json};

use super::Stream;
use crate::world::World;

#[tokio::test]
async fn a_sandboxs_life_is_heard_in_order_and_whole() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::listen(address, &world.key).await;
    let id = world.sandbox(json!({"name": "web", "env": {"A": "1"}, "labels": {"team": "blue"}})).await;
    let born = stream.until(&id, "state creating>started").await;
    world.post("/api/sandbox/web/stop", Value::Null).await;
    let stopped = stream.until(&id, "state stopping>stopped").await;
    world.post("/api/sandbox/web/start", Value::Null).await;
    let started = stream.until(&id, "state starting>started").await;
    world.delete("/api/sandbox/web").await;
    let gone = stream.until(&id, "state destroying>destroyed").await;
    let briefs = |events: &[super::Event]| events.iter().map(super::Event::brief).collect::<Vec<_>>();
    assert_eq!(briefs(&born), ["sandbox.created", "state creating>started"]);
    assert_eq!(
        briefs(&stopped),
        ["desired started>stopped", "state started>stopping", "state stopping>stopped"]
    );
    assert_eq!(
        briefs(&started),
        ["desired stopped>started", "state stopped>starting", "state starting>started"]
    );
    assert_eq!(
        briefs(&gone),
        ["desired started>destroyed", "state started>destroying", "state destroying>destroyed"]
    );
    assert_eq!(born[0].payload["state"], "creating", "the created sandbox itself is the payload");
    for event in [stopped, started, gone].concat() {
        let sandbox = &event.payload["sandbox"];
        for (key, value) in
            [("env", json!({"A": "1"})), ("labels", json!({"team": "blue"})), ("kvm", json!(false))]
        {
            assert_eq!(sandbox[key], value, "{event:?}");
        }
        if event.name == "sandbox.state.updated" {
            assert_eq!(sandbox["state"], event.payload["newState"]);
        }
    }
}

#[tokio::test]
async fn the_sandbox_of_an_event_is_the_one_of_a_get() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::listen(address, &world.key).await;
    let id = world.sandbox(json!({})).await;
    let event = stream.until(&id, "state creating>started").await.pop().unwrap();
    let mut sandbox = event.payload["sandbox"].clone();
    let mut shown = world.get(&format!("/api/sandbox/{id}")).await.body;
    // The client's own words for the host: the two have asked by different names.
    assert_eq!(sandbox["toolboxProxyUrl"].take(), "http://127.0.0.1:4000/toolbox");
    assert_eq!(shown["toolboxProxyUrl"].take(), "http://box.test:4000/toolbox");
    assert_eq!(sandbox, shown);
}

#[tokio::test]
async fn nobody_hears_of_another_organizations_sandboxes() {
    let world = World::start().await;
    let address = world.serve().await;
    let stranger = world.organization("Other").await;
    let mut mine = Stream::listen(address, &world.key).await;
    let mut theirs = Stream::listen(address, &stranger).await;
    let id = world.sandbox(json!({})).await;
    mine.until(&id, "state creating>started").await;
    // What they hear first is their own: nothing lay before it.
    let call = world.call(Method::POST, "/api/sandbox", &stranger, Some(json!({}))).await;
    let heard = theirs.until(&call.id(), "state creating>started").await;
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(theirs.event_now().await, None);
    // And mine say nothing of theirs.
    world.delete(&format!("/api/sandbox/{id}")).await;
    assert_eq!(mine.event().await.id(), id);
}

#[tokio::test]
async fn a_shared_snapshots_state_is_heard_by_every_organization() {
    let runner = FakeRunner::start();
    runner.set_root(RootState::Preparing, None, None);
    let world = World::start_with(runner).await;
    let address = world.serve().await;
    let stranger = world.organization("Other").await;
    let pulling = |body: &Value| body["state"] == "pulling";
    paddock_testkit::eventually("the snapshot to be pulled", async || {
        pulling(&world.get("/api/snapshots/paddock-small").await.body).then_some(())
    })
    .await;
    let mut streams = [Stream::listen(address, &world.key).await, Stream::listen(address, &stranger).await];
    world.runner.set_root(RootState::Ready, None, Some(3 << 30));
    for stream in &mut streams {
        let event = stream.event().await;
        assert_eq!(event.name, "snapshot.state.updated");
        let payload = &event.payload;
        assert_eq!((&payload["oldState"], &payload["newState"]), (&json!("pulling"), &json!("active")));
        let name = payload["snapshot"]["name"].as_str().unwrap();
        let shown = world.get(&format!("/api/snapshots/{name}")).await.body;
        assert_eq!(payload["snapshot"], shown);
    }
}

#[tokio::test]
async fn a_change_of_labels_is_no_event_and_in_the_next_one() {
    let world = World::start().await;
    let address = world.serve().await;
    let id = world.sandbox(json!({"labels": {"a": "old"}})).await;
    let mut stream = Stream::listen(address, &world.key).await;
    world.put(&format!("/api/sandbox/{id}/labels"), json!({"labels": {"a": "new"}})).await;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    let event = stream.event().await;
    assert_eq!(event.brief(), "desired started>stopped");
    assert_eq!(event.payload["sandbox"]["labels"], json!({"a": "new"}));
}

#[tokio::test]
async fn who_waits_in_a_warm_pool_is_heard_of_when_it_is_somebodys() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::listen(address, &world.key).await;
    let pool = world.warm_pool("paddock-small", 1).await;
    world.until_ready_members(&pool, 1).await;
    let id = world.sandbox(json!({"name": "web"})).await;
    world.post("/api/sandbox/web/stop", Value::Null).await;
    let heard = stream.until(&id, "state stopping>stopped").await;
    let briefs: Vec<_> = heard.iter().map(super::Event::brief).collect();
    assert_eq!(
        briefs,
        ["sandbox.created", "desired started>stopped", "state started>stopping", "state stopping>stopped"]
    );
    assert_eq!((&heard[0].payload["state"], &heard[0].payload["name"]), (&json!("started"), &json!("web")));
}
