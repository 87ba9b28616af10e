-- Snapshots that were taken from sandboxes, and the layers that they are made of.

ALTER TABLE snapshot ADD COLUMN source_sandbox_id {TEXT};

-- What lies, or may lie, in the object store as a layer, from before it is written until it is removed.
CREATE TABLE layer (
    id         {TEXT} PRIMARY KEY,
    -- Nothing refers to it and nothing may from here on.
    removing   BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Which sandboxes have a root file system with layers. Its name is longer than an index can hold.
CREATE INDEX sandbox_with_layers ON sandbox (id) WHERE root <> 'builtin' AND state <> 'destroyed';
