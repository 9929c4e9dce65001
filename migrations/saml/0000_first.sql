CREATE TABLE `saml_answers` (
	`hash` text PRIMARY KEY NOT NULL,
	`request_id` text NOT NULL,
	`provider_id` text NOT NULL,
	`person` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `saml_answers_expiry` ON `saml_answers` (`expires_at`);--> statement-breakpoint
CREATE TABLE `saml_assertions` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`issuer` text NOT NULL,
	`assertion_id` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `saml_assertions_id` ON `saml_assertions` (`issuer`,`assertion_id`);--> statement-breakpoint
CREATE INDEX `saml_assertions_expiry` ON `saml_assertions` (`expires_at`);--> statement-breakpoint
CREATE TABLE `saml_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`state` text NOT NULL,
	`private_key` text NOT NULL,
	`certificate` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `saml_keys_state_unique` ON `saml_keys` (`state`);--> statement-breakpoint
CREATE TABLE `saml_providers` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`label` text NOT NULL,
	`metadata` text NOT NULL,
	`entity_id` text NOT NULL,
	`sign_in_url` text NOT NULL,
	`certificates` text NOT NULL,
	`metadata_url` text,
	`metadata_at` integer NOT NULL,
	`may_reach_this_box` integer NOT NULL,
	`sign_requests` integer NOT NULL,
	`sign_metadata` integer NOT NULL,
	`require_signed_assertion` integer NOT NULL,
	`require_signed_response` integer NOT NULL,
	`subject_attribute` text,
	`email_attribute` text,
	`email_is_verified` integer NOT NULL,
	`groups_attribute` text,
	`admin_groups` text NOT NULL,
	`auto_create_users` integer NOT NULL,
	`allowed_domains` text NOT NULL,
	`trusted_for_second_factor` integer NOT NULL,
	`enabled` integer NOT NULL,
	`from_file` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `saml_requests` (
	`id` text PRIMARY KEY NOT NULL,
	`provider_id` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `saml_requests_expiry` ON `saml_requests` (`expires_at`);