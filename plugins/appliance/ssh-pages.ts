import { field, NotFound, orShowAgain, otherErrors, type PageRequest, type Reply, type Route, redirect, view } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { permission, ROOT, systemView } from './pages.ts';
import type { Ssh } from './ssh.ts';
import { isPrivate } from './ssh-key.ts';
import { text } from './text.ts';

const HERE = `${ROOT}/ssh`;
type Errors = Readonly<Record<string, readonly string[]>>;

export function sshPages(find: FindBox, ssh: Ssh): readonly Route[] {
  async function show({ actor, form }: PageRequest, errors: Errors = {}): Promise<Reply> {
    const [state, { hostname }] = [await ssh.state(actor), await statusOf(theBox(find))];
    const typed = form.get('key') ?? '';
    const values = { key: isPrivate(typed) ? '' : typed };
    const fields = [field({ values, errors }, 'key', text.ssh.key, { kind: 'prose', isRequired: true, help: text.ssh.keyHelp })];
    return systemView('ssh', { state, hostname, fields, problems: otherErrors(errors, fields) });
  }

  async function keyOf({ actor, params }: PageRequest) {
    const key = (await ssh.state(actor)).keys.find(({ id }) => id === params['id']);
    if (key === undefined) throw new NotFound(text.ssh.notThere);
    return { id: key.id, name: key.comment || key.fingerprint };
  }

  const ask = (question: string, label: string, action: string): Reply =>
    view('core/confirm', { title: label, question, label, action, back: HERE, makesKey: false });

  const done = async ({ session }: PageRequest, act: Promise<unknown>, message: string): Promise<Reply> => {
    await act;
    session.flash('success', message);
    return redirect(HERE);
  };

  return [
    { method: 'GET', path: HERE, permission, handle: (request) => show(request) },
    {
      method: 'GET',
      path: `${HERE}/on`,
      permission,
      async handle({ actor }) {
        const { keys } = await ssh.state(actor);
        return keys.length === 0 ? redirect(HERE) : ask(text.ssh.askOn(keys.length), text.ssh.switchOn, `${HERE}/on`);
      },
    },
    { method: 'POST', path: `${HERE}/on`, permission, handle: (request) => done(request, ssh.switch(request.actor, { enabled: true }), text.ssh.isOn) },
    { method: 'POST', path: `${HERE}/off`, permission, handle: (request) => done(request, ssh.switch(request.actor, { enabled: false }), text.ssh.isOff) },
    {
      method: 'POST',
      path: HERE,
      permission,
      handle: (request) =>
        orShowAgain(
          () => done(request, ssh.add(request.actor, { key: request.form.get('key') ?? '' }), text.ssh.added),
          (errors) => show(request, errors),
        ),
    },
    {
      method: 'GET',
      path: `${HERE}/keys/:id/delete`,
      permission,
      async handle(request) {
        const { id, name } = await keyOf(request);
        return ask(text.ssh.askRemove(name), text.ssh.remove, `${HERE}/keys/${id}/delete`);
      },
    },
    {
      method: 'POST',
      path: `${HERE}/keys/:id/delete`,
      permission,
      async handle(request) {
        const { id, name } = await keyOf(request);
        return done(request, ssh.remove(request.actor, id), text.ssh.removed(name));
      },
    },
  ];
}
