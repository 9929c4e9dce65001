CREATE TABLE `magic_link_sent` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`user_id` text NOT NULL,
	`hash` text NOT NULL,
	`return_to` text NOT NULL,
	`ended_at` integer,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `magic_link_sent_hash` ON `magic_link_sent` (`hash`);--> statement-breakpoint
CREATE INDEX `magic_link_sent_user` ON `magic_link_sent` (`user_id`,`created_at`);