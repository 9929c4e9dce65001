CREATE TABLE `identities` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`user_id` text NOT NULL,
	`provider` text NOT NULL,
	`issuer` text NOT NULL,
	`subject` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `identities_subject` ON `identities` (`provider`,`issuer`,`subject`);--> statement-breakpoint
CREATE INDEX `identities_user` ON `identities` (`user_id`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`hash` text NOT NULL,
	`user_id` text,
	`method` text,
	`second_factor_at` integer,
	`ip` text,
	`user_agent` text,
	`last_seen_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`data` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_hash` ON `sessions` (`hash`);--> statement-breakpoint
CREATE INDEX `sessions_user` ON `sessions` (`user_id`);--> statement-breakpoint
CREATE INDEX `sessions_expiry` ON `sessions` (`expires_at`);--> statement-breakpoint
CREATE TABLE `sign_in_attempts` (
	`key` text PRIMARY KEY NOT NULL,
	`count` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`email` text NOT NULL,
	`role` text NOT NULL,
	`password_hash` text,
	`disabled_at` integer,
	`last_signed_in_at` integer,
	`last_signed_in_method` text,
	`vpn_session_ended_at` integer,
	`theme` text DEFAULT 'auto' NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_email` ON `users` (`email`);--> statement-breakpoint
CREATE TABLE `audit_log` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor_id` text,
	`actor` text NOT NULL,
	`via` text NOT NULL,
	`action` text NOT NULL,
	`target_type` text NOT NULL,
	`target_id` text,
	`target` text NOT NULL,
	`changes` text NOT NULL,
	`ip` text,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_log_at` ON `audit_log` (`at`);--> statement-breakpoint
CREATE INDEX `audit_log_target` ON `audit_log` (`target_id`);--> statement-breakpoint
CREATE TABLE `devices` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`user_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`public_key` text NOT NULL,
	`preshared_key` text NOT NULL,
	`ipv4` text,
	`ipv6` text,
	`allowed_subnets` text DEFAULT '[]' NOT NULL,
	`use_default_endpoint` integer DEFAULT true NOT NULL,
	`endpoint` text,
	`use_default_dns` integer DEFAULT true NOT NULL,
	`dns` text DEFAULT '[]' NOT NULL,
	`use_default_allowed_ips` integer DEFAULT true NOT NULL,
	`allowed_ips` text DEFAULT '[]' NOT NULL,
	`use_default_mtu` integer DEFAULT true NOT NULL,
	`mtu` integer,
	`use_default_persistent_keepalive` integer DEFAULT true NOT NULL,
	`persistent_keepalive` integer,
	`expires_at` integer,
	`disabled_at` integer,
	`disabled_by` text,
	`remote_ip` text,
	`rx_bytes` integer DEFAULT 0 NOT NULL,
	`tx_bytes` integer DEFAULT 0 NOT NULL,
	`latest_handshake` integer,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `devices_user_name` ON `devices` (`user_id`,`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `devices_public_key` ON `devices` (`public_key`);--> statement-breakpoint
CREATE UNIQUE INDEX `devices_ipv4` ON `devices` (`ipv4`);--> statement-breakpoint
CREATE UNIQUE INDEX `devices_ipv6` ON `devices` (`ipv6`);--> statement-breakpoint
CREATE INDEX `devices_name` ON `devices` (`name`);--> statement-breakpoint
CREATE TABLE `interface_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`name` text NOT NULL,
	`private_key` text NOT NULL,
	`public_key` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `interface_keys_name` ON `interface_keys` (`name`);--> statement-breakpoint
CREATE TABLE `network_fragments` (
	`owner` text PRIMARY KEY NOT NULL,
	`fragments` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `notifications` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`severity` text NOT NULL,
	`message` text NOT NULL,
	`about` text NOT NULL,
	`read_at` integer
);
--> statement-breakpoint
CREATE INDEX `notifications_created` ON `notifications` (`created_at`);--> statement-breakpoint
CREATE TABLE `plugin_states` (
	`id` text PRIMARY KEY NOT NULL,
	`is_enabled` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `service_starts` (
	`id` text PRIMARY KEY NOT NULL,
	`started_at` integer NOT NULL,
	`healthy_at` integer
);
--> statement-breakpoint
CREATE TABLE `settings` (
	`section` text PRIMARY KEY NOT NULL,
	`document` text NOT NULL,
	`updated_at` integer NOT NULL
);
