//! Regions. An installation of one host has one.

pub(super) mod get;
pub(super) mod list;
pub(super) mod shared;

use paddock_wire_control::{Region, WireTime};

use crate::app::App;
use crate::urls::Urls;

fn show(app: &App, urls: &Urls) -> Region {
    Region {
        id: app.config.region.clone(),
        name: app.config.region.clone(),
        region_type: "shared".to_owned(),
        created_at: WireTime(app.born),
        updated_at: WireTime(app.born),
        proxy_url: Some(urls.proxy.clone()),
    }
}
