import { field, type NavItem, orShowAgain, otherErrors, type Reply, type Route, view } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import type { Power } from './power.ts';
import { text } from './text.ts';

export const ROOT = '/admin/system';
export const permission = 'system.manage';
export const nav: NavItem = { label: text.title, path: ROOT, icon: 'server-cog', permission, group: 'admin' };

type Errors = Readonly<Record<string, readonly string[]>>;

/** What every page of the system shows: its title and its tabs. */
export function systemView(template: string, model: object): Reply {
  return view(`appliance/${template}`, { title: text.title, text, root: ROOT, ...model });
}

export function systemPages(find: FindBox, power: Power): readonly Route[] {
  const acts = [
    { path: 'reboot', ...text.reboot, carryOut: power.reboot },
    { path: 'power-off', ...text.powerOff, carryOut: power.powerOff },
  ];

  async function askForReset(typed = '', errors: Errors = {}): Promise<Reply> {
    const { hostname } = await statusOf(theBox(find));
    const fields = [field({ values: { hostname: typed }, errors }, 'hostname', text.reset.type(hostname), { isRequired: true })];
    return systemView('reset', { fields, problems: otherErrors(errors, fields) });
  }

  return [
    {
      method: 'GET',
      path: ROOT,
      permission,
      async handle() {
        const box = find();
        return systemView('system', { status: box ? await statusOf(box) : null });
      },
    },
    ...acts.flatMap(({ path, label, question, done, carryOut }): Route[] => [
      {
        method: 'GET',
        path: `${ROOT}/${path}`,
        permission,
        handle() {
          theBox(find);
          return view('core/confirm', { title: label, question, label, action: `${ROOT}/${path}`, back: ROOT, makesKey: false });
        },
      },
      {
        method: 'POST',
        path: `${ROOT}/${path}`,
        permission,
        async handle({ actor }) {
          await carryOut(actor);
          return systemView('down', { message: done });
        },
      },
    ]),
    { method: 'GET', path: `${ROOT}/factory-reset`, permission, handle: () => askForReset() },
    {
      method: 'POST',
      path: `${ROOT}/factory-reset`,
      permission,
      handle({ actor, form }) {
        const typed = form.get('hostname') ?? '';
        return orShowAgain(
          async () => {
            await power.factoryReset(actor, { hostname: typed });
            return systemView('down', { message: text.reset.done });
          },
          (errors) => askForReset(typed, errors),
        );
      },
    },
  ];
}
