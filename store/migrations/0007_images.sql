-- Snapshots that are made from images and from builds, and what an image says of its sandboxes.

-- The image that it is made from, as its maker named it.
ALTER TABLE snapshot ADD COLUMN image_name {TEXT};
-- What its image says: a JSON object.
ALTER TABLE snapshot ADD COLUMN image {TEXT} NOT NULL DEFAULT '{}';
-- What it is built from: a JSON object.
ALTER TABLE snapshot ADD COLUMN build {TEXT};
-- Since when it is inactive.
ALTER TABLE snapshot ADD COLUMN deactivated_at BIGINT;

CREATE INDEX snapshot_unready ON snapshot (id) WHERE state IN ('pending', 'pulling', 'building') AND owner <> '';
CREATE INDEX snapshot_by_use ON snapshot (state, last_used_at) WHERE owner <> '';

ALTER TABLE sandbox ADD COLUMN image {TEXT} NOT NULL DEFAULT '{}';
ALTER TABLE sandbox ADD COLUMN build {TEXT};
-- Directories in memory that it has besides: a JSON array.
ALTER TABLE sandbox ADD COLUMN scratch {TEXT} NOT NULL DEFAULT '[]';

CREATE INDEX sandbox_building ON sandbox (id) WHERE state IN ('pending_build', 'building_snapshot');

-- The organization that builds of another one belong to: nobody is its member.
CREATE TABLE workshop (
    organization_id {TEXT} PRIMARY KEY REFERENCES organization (id),
    builds_for      {TEXT} NOT NULL UNIQUE REFERENCES organization (id)
);
