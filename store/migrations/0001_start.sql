-- Every column is BIGINT or TEXT, so that one text of each statement serves both engines.
-- Times are milliseconds since 1970, truth values 0 and 1, ids and enums their wire spelling,
-- maps JSON objects. {TEXT} becomes TEXT with byte order on either engine.

CREATE TABLE store_meta (
    name  {TEXT} PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE app_user (
    id         {TEXT} PRIMARY KEY,
    name       {TEXT} NOT NULL,
    email      {TEXT} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE organization (
    id         {TEXT} PRIMARY KEY,
    name       {TEXT} NOT NULL,
    created_by {TEXT} NOT NULL REFERENCES app_user (id),
    personal   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE organization_user (
    organization_id {TEXT} NOT NULL REFERENCES organization (id),
    user_id         {TEXT} NOT NULL REFERENCES app_user (id),
    role            {TEXT} NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

-- The key itself is never here: only its SHA-256, and the ends of it that a list may show.
CREATE TABLE api_key (
    id              {TEXT} PRIMARY KEY,
    organization_id {TEXT} NOT NULL REFERENCES organization (id),
    user_id         {TEXT} NOT NULL REFERENCES app_user (id),
    name            {TEXT} NOT NULL,
    hash            {TEXT} NOT NULL UNIQUE,
    masked          {TEXT} NOT NULL,
    permissions     {TEXT} NOT NULL,
    administrator   BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT,
    last_used_at    BIGINT,
    UNIQUE (organization_id, user_id, name)
);

CREATE TABLE snapshot (
    id              {TEXT} PRIMARY KEY,
    -- NULL: shared with every organization.
    organization_id {TEXT} REFERENCES organization (id),
    -- The owner's id, or the empty text for shared ones: NULLs would not be unique.
    owner           {TEXT} NOT NULL,
    name            {TEXT} NOT NULL,
    name_folded     {TEXT} NOT NULL,
    alias           {TEXT},
    root            {TEXT} NOT NULL,
    default_user    {TEXT} NOT NULL,
    cpu             BIGINT NOT NULL,
    memory          BIGINT NOT NULL,
    disk            BIGINT NOT NULL,
    state           {TEXT} NOT NULL,
    error_reason    {TEXT},
    size_bytes      BIGINT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    last_used_at    BIGINT,
    UNIQUE (owner, name)
);

CREATE TABLE sandbox (
    id                {TEXT} PRIMARY KEY,
    organization_id   {TEXT} NOT NULL REFERENCES organization (id),
    name              {TEXT} NOT NULL,
    name_folded       {TEXT} NOT NULL,
    -- The name while it is taken; NULL from the moment of deletion.
    live_name         {TEXT},
    snapshot_name     {TEXT} NOT NULL,
    root              {TEXT} NOT NULL,
    os_user           {TEXT} NOT NULL,
    env               {TEXT} NOT NULL,
    labels            {TEXT} NOT NULL,
    public            BIGINT NOT NULL,
    network_block_all BIGINT NOT NULL,
    region            {TEXT} NOT NULL,
    cpu               BIGINT NOT NULL,
    memory            BIGINT NOT NULL,
    disk              BIGINT NOT NULL,
    auto_stop         BIGINT NOT NULL,
    auto_archive      BIGINT NOT NULL,
    auto_delete       BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    last_activity_at  BIGINT NOT NULL,
    -- What follows changes as one, under the row's version.
    desired           {TEXT} NOT NULL,
    forced            BIGINT NOT NULL,
    generation_epoch  BIGINT NOT NULL,
    generation_number BIGINT NOT NULL,
    state             {TEXT} NOT NULL,
    settled           BIGINT NOT NULL,
    existed           BIGINT NOT NULL,
    error_reason      {TEXT},
    recoverable       BIGINT NOT NULL,
    daemon_version    {TEXT},
    runner_id         {TEXT},
    auth_token        {TEXT} NOT NULL,
    updated_at        BIGINT NOT NULL,
    destroyed_at      BIGINT,
    version           BIGINT NOT NULL
);

CREATE UNIQUE INDEX sandbox_live_name ON sandbox (organization_id, live_name);
-- The two orders that clients ask for unless told otherwise also hold the columns of the usual filters:
-- a filter that keeps little is then answered from the index, without a look at each row.
CREATE INDEX sandbox_by_activity ON sandbox (organization_id, last_activity_at, id, state, public, desired)
    WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_creation ON sandbox (organization_id, created_at, id, state, public, desired)
    WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_name ON sandbox (organization_id, name, id) WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_folded_name ON sandbox (organization_id, name_folded) WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_cpu ON sandbox (organization_id, cpu, id) WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_memory ON sandbox (organization_id, memory, id) WHERE state <> 'destroyed';
CREATE INDEX sandbox_by_disk ON sandbox (organization_id, disk, id) WHERE state <> 'destroyed';
CREATE INDEX sandbox_unsettled ON sandbox (id) WHERE settled = 0;
CREATE INDEX sandbox_destroyed ON sandbox (destroyed_at) WHERE destroyed_at IS NOT NULL;

CREATE TABLE sandbox_label (
    sandbox_id      {TEXT} NOT NULL REFERENCES sandbox (id) ON DELETE CASCADE,
    organization_id {TEXT} NOT NULL,
    name            {TEXT} NOT NULL,
    value           {TEXT} NOT NULL,
    PRIMARY KEY (sandbox_id, name)
);

CREATE INDEX sandbox_label_pair ON sandbox_label (organization_id, name, value, sandbox_id);
