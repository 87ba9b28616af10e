-- Warm pools: sandboxes that are started before anybody asks for them. Links: sandboxes that live with another one.

CREATE TABLE warm_pool (
    id              {TEXT} PRIMARY KEY,
    organization_id {TEXT} NOT NULL REFERENCES organization (id),
    -- No reference: a pool outlives its snapshot, and says so.
    snapshot_id     {TEXT} NOT NULL,
    snapshot_name   {TEXT} NOT NULL,
    region          {TEXT} NOT NULL,
    size            BIGINT NOT NULL,
    os_user         {TEXT} NOT NULL,
    cpu             BIGINT NOT NULL,
    memory          BIGINT NOT NULL,
    disk            BIGINT NOT NULL,
    error_reason    {TEXT},
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    UNIQUE (organization_id, snapshot_id, region)
);

-- The pool that a sandbox waits in; NULL from the moment when somebody has it. A member has no live name.
ALTER TABLE sandbox ADD COLUMN warm_pool_id {TEXT};

CREATE INDEX sandbox_by_pool ON sandbox (warm_pool_id, created_at) WHERE warm_pool_id IS NOT NULL AND state <> 'destroyed';

-- Lists leave members out: the indexes of the usual orders know of them too.
DROP INDEX sandbox_by_activity;
DROP INDEX sandbox_by_creation;
CREATE INDEX sandbox_by_activity ON sandbox (organization_id, last_activity_at, id, state, public, desired, warm_pool_id)
    WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_creation ON sandbox (organization_id, created_at, id, state, public, desired, warm_pool_id)
    WHERE state <> 'destroyed';

-- The sandbox that it is linked with, and with which it ends; and that one's name, which never changes.
ALTER TABLE sandbox ADD COLUMN linked_to {TEXT};
ALTER TABLE sandbox ADD COLUMN linked_name {TEXT};

CREATE INDEX sandbox_by_target ON sandbox (linked_to) WHERE linked_to IS NOT NULL;
