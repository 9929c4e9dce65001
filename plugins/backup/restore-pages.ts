import { type Host, InvalidInput, type PageRequest, type Reply, type Route, redirect, view } from '#core';
import { type Door, through } from './door.ts';
import { ROOT, showBackups } from './pages.ts';
import type { Runs } from './runs.ts';
import { text } from './text.ts';

const PERMISSION = 'system.manage';
/** What a problem is about, as the page calls it. */
const NAMES: Readonly<Record<string, string>> = { passphrase: 'archivePassphrase', archive: text.restore.file };

/** Upload, look, decide: what was uploaded belongs to the session that brought it. */
export function restorePages({ settings }: Pick<Host, 'settings'>, runs: Runs, door: Door): readonly Route[] {
  const ownerOf = ({ session }: PageRequest) => `session:${session.hash}`;

  async function upload(request: PageRequest): Promise<Reply> {
    try {
      const backups = through(door);
      const { body, fields } = await request.upload('archive', backups.largestBytes());
      const { id } = await backups.stage(body, fields.get('archivePassphrase') || null, ownerOf(request));
      return redirect(`${ROOT}/restore/${id}`);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const errors = Object.fromEntries(Object.entries(error.fields).map(([name, messages]) => [NAMES[name] ?? name, messages]));
      const reply = await showBackups({ settings, runs }, { form: 'restore', errors });
      return reply.kind === 'view' ? { ...reply, status: error.status } : reply;
    }
  }

  const idOf = ({ params }: PageRequest) => params['id'] ?? '';

  return [
    { method: 'POST', path: `${ROOT}/restore`, permission: PERMISSION, handle: upload },
    {
      method: 'GET',
      path: `${ROOT}/restore/:id`,
      permission: PERMISSION,
      handle(request) {
        const staged = through(door).staged(idOf(request), ownerOf(request));
        return view('backup/restore', { title: text.restore.found, text: text.restore, staged, action: `${ROOT}/restore/${staged.id}` });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/restore/:id`,
      permission: PERMISSION,
      async handle(request) {
        await through(door).restore(request.actor, idOf(request), ownerOf(request));
        return view('backup/restarting', { title: text.restore.restarting, text: text.restore });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/restore/:id/discard`,
      permission: PERMISSION,
      handle(request) {
        through(door).discard(idOf(request), ownerOf(request));
        request.session.flash('success', text.restore.discarded);
        return redirect(ROOT);
      },
    },
  ];
}
