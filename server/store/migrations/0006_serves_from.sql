-- The oldest tables whose servers can still use the database after a migration; see migrate.rs and ADR 17.
ALTER TABLE migrations ADD COLUMN serves_from BIGINT;   -- NULL: only servers that know the migration
