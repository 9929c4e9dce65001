CREATE TABLE `oidc_connections` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`user_id` text NOT NULL,
	`provider` text NOT NULL,
	`refresh_token` text,
	`id_token` text,
	`end_session_endpoint` text,
	`refreshed_at` integer NOT NULL,
	`last_error` text,
	`failures` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`provider`) REFERENCES `oidc_providers`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `oidc_connections_user` ON `oidc_connections` (`user_id`,`provider`);--> statement-breakpoint
CREATE INDEX `oidc_connections_refreshed` ON `oidc_connections` (`refreshed_at`);--> statement-breakpoint
CREATE TABLE `oidc_providers` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`label` text NOT NULL,
	`discovery_document_uri` text NOT NULL,
	`client_id` text NOT NULL,
	`client_secret` text,
	`scope` text NOT NULL,
	`auto_create_users` integer NOT NULL,
	`allowed_domains` text NOT NULL,
	`admin_claim` text,
	`admin_values` text NOT NULL,
	`trusted_for_second_factor` integer NOT NULL,
	`may_reach_this_box` integer NOT NULL,
	`trailing_slash` integer NOT NULL,
	`enabled` integer NOT NULL,
	`from_file` integer NOT NULL
);
