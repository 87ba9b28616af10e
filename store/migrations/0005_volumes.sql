-- Volumes, and which sandbox mounts which.

CREATE TABLE volume (
    id              {TEXT} PRIMARY KEY,
    organization_id {TEXT} NOT NULL REFERENCES organization (id),
    name            {TEXT} NOT NULL,
    -- The name while it is taken; NULL from the moment of deletion.
    live_name       {TEXT},
    created_at      BIGINT NOT NULL,
    last_used_at    BIGINT,
    -- What follows changes as one, under the row's version.
    state           {TEXT} NOT NULL,
    error_reason    {TEXT},
    updated_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL
);

CREATE UNIQUE INDEX volume_live_name ON volume (organization_id, live_name);
CREATE INDEX volume_by_creation ON volume (organization_id, created_at, id);
CREATE INDEX volume_unsettled ON volume (id)
    WHERE state IN ('pending_create', 'creating', 'pending_delete', 'deleting');
CREATE INDEX volume_deleted ON volume (updated_at) WHERE state = 'deleted';

-- What a sandbox mounts: a JSON array.
ALTER TABLE sandbox ADD COLUMN volumes {TEXT} NOT NULL DEFAULT '[]';

-- The same, to be asked by volume.
CREATE TABLE sandbox_volume (
    sandbox_id {TEXT} NOT NULL REFERENCES sandbox (id) ON DELETE CASCADE,
    volume_id  {TEXT} NOT NULL,
    PRIMARY KEY (sandbox_id, volume_id)
);

CREATE INDEX sandbox_volume_by_volume ON sandbox_volume (volume_id, sandbox_id);
