//! Images are found and their layers arrive, from a real registry and from one that does what it should not.
//!
//! Cast: `docker-registry` with images pushed by skopeo; [`paddock_testkit::registry::bad::Bad`], which misbehaves as told;
//! a directory as the object store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod faults;
mod hostile;
mod real;
mod walls;

use std::sync::Arc;
use std::time::Duration;

use paddock_driver_object::dir::Dir;
use paddock_driver_object::{ObjectKey, ObjectStore};
use paddock_registry::{Client, Credentials, Error, Image, ImageReference, Layer, Platform, Settings, Times};

/// A client that is in a hurry, for registries on this host by plain HTTP.
fn settings(hosts: &[&str]) -> Settings {
    Settings {
        insecure: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        times: Times {
            answer: Duration::from_secs(2),
            document: Duration::from_secs(3),
            window: Duration::from_millis(700),
            least_bytes: 1000,
            pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(2),
            ..Times::default()
        },
        ..Settings::default()
    }
}

fn client(hosts: &[&str]) -> Client {
    Client::new(settings(hosts)).unwrap()
}

struct Place {
    directory: tempfile::TempDir,
    store: Arc<dyn ObjectStore>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Dir::open(directory.path()).unwrap());
        Self { directory, store }
    }

    /// Keys of whole objects.
    fn keys(&self) -> Vec<ObjectKey> {
        self.store.list("").unwrap()
    }

    /// Files of unfinished uploads.
    fn unfinished(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("uploads")).unwrap().count()
    }

    async fn fetch(&self, client: &Client, image: &Image) -> Result<(), Error> {
        self.fetch_as(client, image, None).await
    }

    async fn fetch_as(&self, client: &Client, image: &Image, who: Option<&Credentials>) -> Result<(), Error> {
        client.fetch_layers(image, who, &self.store, Arc::new(|_| ())).await.map(drop)
    }

    /// The content of a layer.
    fn content(&self, layer: &Layer) -> Vec<u8> {
        let mut content = Vec::new();
        std::io::copy(&mut self.store.read(&layer.key(), 0).unwrap(), &mut content).unwrap();
        content
    }
}

async fn resolve(client: &Client, name: &str) -> Result<Image, Error> {
    client.resolve(&name.parse::<ImageReference>().unwrap(), None, &Platform::host()).await
}
