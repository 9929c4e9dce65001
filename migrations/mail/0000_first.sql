CREATE TABLE `mail_session_warnings` (
	`user_id` text PRIMARY KEY NOT NULL,
	`signed_in_at` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
