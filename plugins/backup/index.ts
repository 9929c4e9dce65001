import { backupsSlot, type Host, type Plugin, resourceCommand } from '#core';
import { backupOperations } from './operations.ts';
import { backupPages } from './pages.ts';
import { restorePages } from './restore-pages.ts';
import { createRuns } from './runs.ts';
import { type BackupSettings, section } from './section.ts';
import { text } from './text.ts';

const LOOK_MS = 1_000;
const DEADLINE_MS = 6 * 3_600_000;

export const backup: Plugin = {
  manifest: { id: 'backup', title: text.title, summary: text.summary, settings: section },
  commands: [
    resourceCommand({
      noun: 'backups',
      summary: 'backups at the place that is set',
      verbs: { list: 'list-backups', run: 'run-backup', test: 'test-backup-place' },
      columns: ['createdAt', 'state', 'file', 'place', 'problem'],
    }),
  ],
  setup(host: Host) {
    const runs = createRuns(host);
    const backups = () => host.all(backupsSlot)[0];
    const release = host.settings.guard(section.id, async (_, next) => {
      if (next['every'] !== 'off') await runs.check(next as BackupSettings);
    });
    return {
      pages: () => [...backupPages(host, runs, backups), ...restorePages(host, runs, backups)],
      api: backupOperations(runs, backups),
      jobs: [{ id: 'runs', everyMs: LOOK_MS, deadlineMs: DEADLINE_MS, run: runs.work }],
      stop: async () => release(),
    };
  },
};
