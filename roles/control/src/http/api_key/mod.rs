//! API keys.

pub(super) mod create;
pub(super) mod current;
pub(super) mod delete;
pub(super) mod delete_for_user;
pub(super) mod get;
pub(super) mod list;

use paddock_store::ApiKeyRecord;
use paddock_wire_control::{ApiKeyList, WireTime};

fn show(record: ApiKeyRecord) -> ApiKeyList {
    ApiKeyList {
        name: record.name,
        value: record.masked,
        permissions: record.permissions,
        created_at: WireTime(record.created_at),
        last_used_at: record.last_used_at.map(WireTime),
        expires_at: record.expires_at.map(WireTime),
        user_id: record.user.to_string(),
        organization_id: record.organization.to_string(),
    }
}
