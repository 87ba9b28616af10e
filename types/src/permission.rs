//! What an API key may do.

use crate::spelled::spelled;

spelled! {
    /// One right of an API key, within its organization (reference schema: `permissions` of `CreateApiKey`).
    /// Reading sandboxes and snapshots needs none: membership is enough.
    Permission {
        /// Add and change image registries.
        WriteRegistries => "write:registries",
        /// Remove image registries.
        DeleteRegistries => "delete:registries",
        /// Make, activate and deactivate snapshots.
        WriteSnapshots => "write:snapshots",
        /// Remove snapshots.
        DeleteSnapshots => "delete:snapshots",
        /// Make and change sandboxes.
        WriteSandboxes => "write:sandboxes",
        /// Delete sandboxes.
        DeleteSandboxes => "delete:sandboxes",
        /// See volumes.
        ReadVolumes => "read:volumes",
        /// Make volumes.
        WriteVolumes => "write:volumes",
        /// Remove volumes.
        DeleteVolumes => "delete:volumes",
        /// Make and change regions.
        WriteRegions => "write:regions",
        /// Remove regions.
        DeleteRegions => "delete:regions",
        /// See runners.
        ReadRunners => "read:runners",
        /// Add and change runners.
        WriteRunners => "write:runners",
        /// Remove runners.
        DeleteRunners => "delete:runners",
        /// Read the audit log.
        ReadAuditLogs => "read:audit_logs",
        /// Make, list and revoke API keys.
        ManageApiKeys => "manage:api_keys",
        /// Make, attach and remove secrets.
        ManageSecrets => "manage:secrets",
        /// See limits.
        ReadLimits => "read:limits",
        /// Change single sign-on.
        ManageSso => "manage:sso",
        /// See bills.
        ReadBilling => "read:billing",
        /// Change billing.
        ManageBilling => "manage:billing",
    }
}
