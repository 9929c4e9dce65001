import { field, orShowAgain, otherErrors, type PageRequest, type Reply, type Route, redirect, view } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { permission, ROOT, systemView } from './pages.ts';
import { text } from './text.ts';
import { LARGEST_BYTES, type Updates } from './updates.ts';

const HERE = `${ROOT}/updates`;
type Errors = Readonly<Record<string, readonly string[]>>;

export function updatePages(find: FindBox, updates: Updates): readonly Route[] {
  async function show({ actor, form }: PageRequest, errors: Errors = {}): Promise<Reply> {
    const state = await updates.state(actor);
    const isBusy = state.kind === 'receiving' || state.kind === 'installing';
    const status = isBusy ? null : await statusOf(theBox(find));
    const fields = [field({ values: { url: form.get('url') ?? '' }, errors }, 'url', text.update.url, { isRequired: true })];
    return systemView('updates', { state, isBusy, status, fields, bundleErrors: errors['bundle'] ?? [], problems: otherErrors(errors, fields) });
  }

  const back = async (done: Promise<void>): Promise<Reply> => {
    await done;
    return redirect(HERE);
  };

  return [
    { method: 'GET', path: HERE, permission, handle: (request) => show(request) },
    {
      method: 'POST',
      path: HERE,
      permission,
      handle: (request) =>
        orShowAgain(
          async () => {
            const { body } = await request.upload('bundle', LARGEST_BYTES);
            return back(updates.receive(request.actor, body));
          },
          (errors) => show(request, errors),
        ),
    },
    {
      method: 'POST',
      path: `${HERE}/fetch`,
      permission,
      handle: (request) =>
        orShowAgain(
          () => back(updates.fetch(request.actor, { url: request.form.get('url') ?? '' })),
          (errors) => show(request, errors),
        ),
    },
    {
      method: 'GET',
      path: `${HERE}/install`,
      permission,
      async handle({ actor }) {
        const { kind, version, isOlder } = await updates.state(actor);
        if (kind !== 'ready') return redirect(HERE);
        const question = isOlder ? text.update.askOlder(version ?? '') : text.update.ask(version ?? '');
        const label = isOlder ? text.update.installOlder : text.update.install;
        const action = `${HERE}/install${isOlder ? '?older=yes' : ''}`;
        return view('core/confirm', { title: label, question, label, action, back: HERE, makesKey: false });
      },
    },
    {
      method: 'POST',
      path: `${HERE}/install`,
      permission,
      handle: ({ actor, query }) => back(updates.install(actor, { allowOlder: query.get('older') === 'yes' })),
    },
    { method: 'POST', path: `${HERE}/discard`, permission, handle: ({ actor }) => back(updates.discard(actor)) },
  ];
}
