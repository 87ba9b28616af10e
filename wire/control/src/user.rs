//! Users.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::WireTime;

/// Reference schema `User`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Which.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// An address.
    pub email: String,
    /// Whether the address was proven. Users that the server makes itself have none to prove.
    pub email_verified: bool,
    /// Keys for ssh; always empty here.
    pub public_keys: Vec<UserPublicKey>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
}

/// Reference schema `UserPublicKey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserPublicKey {
    /// The key.
    pub key: String,
    /// Its name.
    pub name: String,
}
