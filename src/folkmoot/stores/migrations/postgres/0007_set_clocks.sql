-- When a lease was granted: one from the future is from before the clock was set back, and over.

ALTER TABLE leases ADD COLUMN granted_at BIGINT NOT NULL DEFAULT 0;
