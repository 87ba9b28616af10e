-- Timers, maintenance, archives and forks.

ALTER TABLE sandbox ADD COLUMN auto_pause BIGINT NOT NULL DEFAULT 0;
-- When it is destroyed whatever its state.
ALTER TABLE sandbox ADD COLUMN auto_destroy_at BIGINT;
-- What it was forked from; kept after that one is gone.
ALTER TABLE sandbox ADD COLUMN parent_id {TEXT};
-- What follows changes with the status, under the row's version.
ALTER TABLE sandbox ADD COLUMN returns_to {TEXT};
-- Work on its files that is under way: a JSON object.
ALTER TABLE sandbox ADD COLUMN task {TEXT};
-- Its newest complete archive in the object store: a JSON object.
ALTER TABLE sandbox ADD COLUMN archive {TEXT};
ALTER TABLE sandbox ADD COLUMN backup_state {TEXT} NOT NULL DEFAULT 'None';
ALTER TABLE sandbox ADD COLUMN backup_created_at BIGINT;
-- Its size before the change that is under way: a JSON object.
ALTER TABLE sandbox ADD COLUMN resized_from {TEXT};
ALTER TABLE sandbox ADD COLUMN awaits_parent BIGINT NOT NULL DEFAULT 0;
-- When the first of its timers is due; the largest number when none runs.
ALTER TABLE sandbox ADD COLUMN due_at BIGINT GENERATED ALWAYS AS ({LEAST}(
    CASE WHEN desired <> 'destroyed' AND auto_destroy_at IS NOT NULL THEN auto_destroy_at ELSE 9223372036854775807 END,
    CASE WHEN state = 'started' AND auto_stop > 0 THEN last_activity_at + auto_stop * 60000 ELSE 9223372036854775807 END,
    CASE WHEN state = 'started' AND auto_pause > 0 THEN last_activity_at + auto_pause * 60000 ELSE 9223372036854775807 END,
    CASE WHEN state = 'stopped' AND auto_delete = 0 THEN last_activity_at ELSE 9223372036854775807 END,
    CASE WHEN state = 'stopped' AND auto_delete > 0 THEN last_activity_at + auto_delete * 60000 ELSE 9223372036854775807 END,
    CASE WHEN state = 'stopped' AND auto_delete <> 0 THEN last_activity_at + auto_archive * 60000 ELSE 9223372036854775807 END
)) {GENERATED};

CREATE INDEX sandbox_by_due ON sandbox (due_at) WHERE due_at < 9223372036854775807;
CREATE INDEX sandbox_by_parent ON sandbox (parent_id, created_at) WHERE parent_id IS NOT NULL;
