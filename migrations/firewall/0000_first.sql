CREATE TABLE `firewall_assertions` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`expectation` text NOT NULL,
	`user_id` text,
	`destination` text NOT NULL,
	`protocol` text NOT NULL,
	`port_range` text,
	`comment` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `firewall_rules` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`action` text NOT NULL,
	`destination` text,
	`protocol` text NOT NULL,
	`port_range` text,
	`user_id` text,
	`priority` integer NOT NULL,
	`enabled` integer NOT NULL,
	`comment` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `firewall_rules_order` ON `firewall_rules` (`user_id`,`priority`,`created_at`);