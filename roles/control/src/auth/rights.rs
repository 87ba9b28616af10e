//! The rights that a handler can ask for by type.

use paddock_types::Permission;

/// A right that a handler asks for.
pub(crate) trait Right: Send + Sync + 'static {
    /// The permission behind it; `None`: membership is enough.
    const PERMISSION: Option<Permission>;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $permission:expr;)*) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl Right for $name {
            const PERMISSION: Option<Permission> = $permission;
        })*
    };
}

rights! {
    /// See what the organization has.
    Read = None;
    /// Make and change sandboxes.
    WriteSandboxes = Some(Permission::WriteSandboxes);
    /// Delete sandboxes.
    DeleteSandboxes = Some(Permission::DeleteSandboxes);
    /// Make and change snapshots.
    WriteSnapshots = Some(Permission::WriteSnapshots);
    /// Remove snapshots.
    DeleteSnapshots = Some(Permission::DeleteSnapshots);
    /// See volumes.
    ReadVolumes = Some(Permission::ReadVolumes);
    /// Make volumes.
    WriteVolumes = Some(Permission::WriteVolumes);
    /// Remove volumes.
    DeleteVolumes = Some(Permission::DeleteVolumes);
    /// Add and change registries.
    WriteRegistries = Some(Permission::WriteRegistries);
    /// Remove registries.
    DeleteRegistries = Some(Permission::DeleteRegistries);
    /// Make, list and revoke API keys.
    ManageApiKeys = Some(Permission::ManageApiKeys);
}
