CREATE TABLE `connectivity_checks` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`url` text NOT NULL,
	`checked_at` integer NOT NULL,
	`status` integer,
	`error` text NOT NULL,
	`headers` text NOT NULL,
	`body` text NOT NULL,
	`duration_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `connectivity_checks_checked` ON `connectivity_checks` (`checked_at`);