import { field, orShowAgain, type PageRequest, type Reply, type Route, readForm, redirect } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { type NameAndTime, timeInput, ZONES } from './name-and-time.ts';
import { permission, ROOT, systemView } from './pages.ts';
import { text } from './text.ts';

const HERE = `${ROOT}/time`;
type Errors = Readonly<Record<string, readonly string[]>>;

export function nameAndTimePages(find: FindBox, nameAndTime: NameAndTime): readonly Route[] {
  async function show(given: Readonly<Record<string, unknown>> = {}, errors: Errors = {}): Promise<Reply> {
    const status = await statusOf(theBox(find));
    const state = { values: { ...status, ...given }, errors };
    const choices = ZONES.map((zone) => ({ value: zone, label: zone.replaceAll('_', ' ') }));
    // A name of the box's own tables that this program does not list.
    if (!ZONES.includes(status.timezone)) choices.unshift({ value: status.timezone, label: status.timezone });
    const name = field(state, 'hostname', text.name.label, { isRequired: true, help: text.name.help(status.hostname) });
    const fields = [
      field(state, 'timezone', text.time.zone, { kind: 'choice', choices }),
      field(state, 'ntpServers', text.time.servers, { kind: 'list', help: text.time.serversHelp }),
    ];
    return systemView('time', { status, name, fields });
  }

  const done = ({ session }: PageRequest, message: string): Reply => {
    session.flash('success', message);
    return redirect(HERE);
  };

  return [
    { method: 'GET', path: HERE, permission, handle: () => show() },
    {
      method: 'POST',
      path: `${HERE}/name`,
      permission,
      handle(request) {
        const given = { hostname: request.form.get('hostname') ?? '' };
        return orShowAgain(
          async () => done(request, text.name.saved(await nameAndTime.rename(request.actor, given))),
          (errors) => show(given, errors),
        );
      },
    },
    {
      method: 'POST',
      path: HERE,
      permission,
      handle(request) {
        const given = readForm(timeInput, request.form);
        return orShowAgain(
          async () => {
            await nameAndTime.setTime(request.actor, given);
            return done(request, text.time.saved);
          },
          (errors) => show(given, errors),
        );
      },
    },
  ];
}
