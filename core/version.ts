/** Raised with each release; the database, backups and updates carry it. */
export const VERSION = '0.1.0';
