CREATE TABLE `backup_runs` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`trigger` text NOT NULL,
	`state` text NOT NULL,
	`place` text NOT NULL,
	`file` text,
	`bytes` integer,
	`problem` text,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `backup_runs_created` ON `backup_runs` (`created_at`);