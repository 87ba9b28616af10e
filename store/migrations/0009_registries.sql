-- Registries of images that organizations have credentials for.

CREATE TABLE docker_registry (
    id              {TEXT} PRIMARY KEY,
    organization_id {TEXT} NOT NULL REFERENCES organization (id),
    name            {TEXT} NOT NULL,
    url             {TEXT} NOT NULL,
    -- As it stands before the names of images; what a pull looks for.
    host            {TEXT} NOT NULL,
    username        {TEXT} NOT NULL,
    -- Encrypted with a key that is not in this database.
    password        {TEXT} NOT NULL,
    project         {TEXT} NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

CREATE INDEX docker_registry_by_organization ON docker_registry (organization_id, host);
