//! Schemas of the enums that `types` keeps free of this crate's libraries.

use crate::registry::RegistryType;
use paddock_types::{DesiredState, Permission, SandboxState, SnapshotState, VolumeState};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};

fn one_of(spellings: impl Iterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(spellings))
}

pub(crate) fn sandbox_state() -> Schema {
    one_of(SandboxState::ALL.iter().map(|state| state.as_str())).into()
}

pub(crate) fn sandbox_states() -> Schema {
    let items = one_of(SandboxState::ALL.iter().map(|state| state.as_str()));
    ArrayBuilder::new().items(items).into()
}

pub(crate) fn desired_state() -> Schema {
    one_of(DesiredState::ALL.iter().map(|state| state.as_str())).into()
}

pub(crate) fn snapshot_state() -> Schema {
    one_of(SnapshotState::ALL.iter().map(|state| state.as_str())).into()
}

pub(crate) fn registry_type() -> Schema {
    one_of(RegistryType::SPELLINGS.into_iter()).into()
}

pub(crate) fn volume_state() -> Schema {
    one_of(VolumeState::ALL.iter().map(|state| state.as_str())).into()
}

pub(crate) fn permissions() -> Schema {
    let items = one_of(Permission::ALL.iter().map(|permission| permission.as_str()));
    ArrayBuilder::new().items(items).into()
}
