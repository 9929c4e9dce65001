CREATE TABLE `provisional_changes` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`owner` text NOT NULL,
	`title` text NOT NULL,
	`undo` text NOT NULL,
	`actor` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_network_fragments` (
	`owner` text NOT NULL,
	`key` text NOT NULL,
	`rules` text NOT NULL,
	PRIMARY KEY(`owner`, `key`)
);
--> statement-breakpoint
INSERT INTO `__new_network_fragments`(`owner`, `key`, `rules`) SELECT `owner`, json_extract(`value`, '$[0]'), json_extract(`value`, '$[1]') FROM `network_fragments`, json_each(`fragments`);--> statement-breakpoint
DROP TABLE `network_fragments`;--> statement-breakpoint
ALTER TABLE `__new_network_fragments` RENAME TO `network_fragments`;--> statement-breakpoint
PRAGMA foreign_keys=ON;