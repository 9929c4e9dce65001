import {
  type FormField,
  type FormState,
  field,
  type Host,
  InvalidInput,
  keptSecret,
  messageOf,
  originSlot,
  orShowAgain,
  otherErrors,
  type PageRequest,
  type Reply,
  type Route,
  raw,
  redirect,
  saveSection,
  Unavailable,
  view,
} from '#core';
import { type Door, readPassphrase, through } from './door.ts';
import { boxName, type Runs, stamp } from './runs.ts';
import { type BackupSettings, section, WEEKDAYS } from './section.ts';
import { text } from './text.ts';

export const ROOT = `/admin/settings/${section.id}`;
const PERMISSION = 'system.manage';
type Errors = Readonly<Record<string, readonly string[]>>;

/** Which of the page's forms has problems, and which; of the settings also what was typed. */
export type Problems = { readonly form: 'download' | 'restore' | 'place'; readonly errors: Errors } | ({ readonly form: 'schedule' } & FormState) | null;

const NONE: Errors = {};
const KINDS = {
  every: 'choice',
  weekday: 'choice',
  at: 'text',
  keep: 'number',
  passphrase: 'password',
  place: 'choice',
  folder: 'text',
  host: 'text',
  port: 'number',
  hostKey: 'text',
  url: 'text',
  user: 'text',
  password: 'password',
} as const satisfies Record<keyof BackupSettings, FormField['kind']>;
const CHOICES: Readonly<Record<string, readonly string[]>> = { every: ['off', 'day', 'week'], weekday: WEEKDAYS, place: ['folder', 'sftp', 'webdav'] };
const SHOWN_RUNS = 10;
const COLOURS = { asked: 'secondary', running: 'blue', done: 'green', failed: 'red' } as const;

export function backupPages({ settings, clock, db, audit, all }: Host, runs: Runs, door: Door): readonly Route[] {
  const show = async (problems: Problems) => showBackups({ settings, runs }, problems);

  async function download({ actor, form }: PageRequest): Promise<Reply> {
    const passphrase = readPassphrase('newPassphrase', form);
    if ((passphrase ?? '') !== (form.get('again') ?? '')) throw new InvalidInput({ again: [text.problems.differ] });
    await db.transaction((tx) =>
      audit.record(tx, actor, {
        action: 'backup.taken',
        target: { type: 'backup', id: null, name: 'download' },
        changes: { isEncrypted: passphrase !== null },
      }),
    );
    const name = `wiregui-${boxName(all(originSlot)[0] ?? '')}-${stamp(clock.now())}.tar.gz${passphrase === null ? '' : '.age'}`;
    const type = passphrase === null ? 'application/gzip' : 'application/octet-stream';
    return raw(type, through(door).read(passphrase), { 'Content-Disposition': `attachment; filename="${name}"` });
  }

  /** What is wrong with the place stands on the page; nothing is wrong with the request. */
  const withPlace = (work: (request: PageRequest) => Promise<string>) => async (request: PageRequest) => {
    try {
      request.session.flash('success', await work(request));
      return redirect(ROOT);
    } catch (error) {
      if (error instanceof InvalidInput) return show({ form: 'place', errors: named(error.fields) });
      if (error instanceof Unavailable) return show({ form: 'place', errors: { '': [messageOf(error)] } });
      throw error;
    }
  };

  return [
    { method: 'GET', path: ROOT, permission: PERMISSION, handle: () => show(null) },
    {
      method: 'POST',
      path: ROOT,
      permission: PERMISSION,
      handle: (request) => saveSection(settings, section, request, (state) => show({ form: 'schedule', ...state })),
    },
    {
      method: 'POST',
      path: `${ROOT}/download`,
      permission: PERMISSION,
      handle: (request) =>
        orShowAgain(
          () => download(request),
          (errors) => show({ form: 'download', errors }),
        ),
    },
    { method: 'POST', path: `${ROOT}/run`, permission: PERMISSION, handle: withPlace(({ actor }) => runs.ask(actor).then(() => text.runs.asked)) },
    { method: 'POST', path: `${ROOT}/test`, permission: PERMISSION, handle: withPlace(({ actor }) => runs.test(actor).then(() => text.runs.tested)) },
  ];
}

/** The whole page; what was typed into a secret field is never shown again. */
export async function showBackups({ settings, runs }: Pick<Host, 'settings'> & { readonly runs: Runs }, problems: Problems): Promise<Reply> {
  const values = await settings.read(section);
  const errorsOf = (form: NonNullable<Problems>['form']) => (problems?.form === form ? problems.errors : NONE);
  const secretField = (errors: Errors, name: string, { label, help }: { readonly label: string; readonly help: string }) =>
    field({ values: {}, errors }, name, label, { help, kind: 'password', autocomplete: 'new-password' });
  const download = [
    secretField(errorsOf('download'), 'newPassphrase', text.download.passphrase),
    secretField(errorsOf('download'), 'again', { label: text.download.again, help: '' }),
  ];
  const restore = [secretField(errorsOf('restore'), 'archivePassphrase', text.restore.passphrase)];
  const schedule = scheduleFields(values, problems?.form === 'schedule' ? problems : { values, errors: NONE });
  return view('backup/settings', {
    title: text.title,
    text,
    action: ROOT,
    download,
    downloadProblems: otherErrors(errorsOf('download'), download),
    restore,
    restoreProblems: otherErrors(errorsOf('restore'), restore),
    schedule,
    scheduleProblems: otherErrors(errorsOf('schedule'), schedule),
    placeProblems: otherErrors(errorsOf('place'), []),
    runs: (await runs.list()).slice(0, SHOWN_RUNS).map((run) => ({ ...run, colour: COLOURS[run.state], label: text.runs.states[run.state] })),
    times: await runs.times(),
  });
}

function scheduleFields(present: BackupSettings, state: FormState): readonly FormField[] {
  return Object.entries(KINDS).flatMap(([name, kind]) => {
    const { label, help } = text.settings.fields[name as keyof typeof KINDS];
    const labels: Readonly<Record<string, string>> = text.settings.choices[name as keyof typeof text.settings.choices] ?? {};
    const choices = (CHOICES[name] ?? []).map((value) => ({ value, label: labels[value] ?? value }));
    const drawn = field(state, name, label, { kind, choices, help, autocomplete: kind === 'password' ? 'new-password' : 'off' });
    return kind === 'password' && present[name as keyof BackupSettings] !== null ? keptSecret(state, drawn) : [drawn];
  });
}

/** Problems by what the fields are called on the page. */
function named(errors: Errors): Errors {
  const labels: Readonly<Record<string, { readonly label: string }>> = text.settings.fields;
  return Object.fromEntries(Object.entries(errors).map(([name, messages]) => [labels[name]?.label ?? name, messages]));
}
