CREATE TABLE `traffic_box` (
	`span` integer NOT NULL,
	`starts_at` integer NOT NULL,
	`rx_bytes` integer NOT NULL,
	`tx_bytes` integer NOT NULL,
	PRIMARY KEY(`span`, `starts_at`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `traffic_devices` (
	`span` integer NOT NULL,
	`starts_at` integer NOT NULL,
	`rx_bytes` integer NOT NULL,
	`tx_bytes` integer NOT NULL,
	`device_id` text NOT NULL,
	PRIMARY KEY(`span`, `starts_at`, `device_id`)
) WITHOUT ROWID;
