import { field, orShowAgain, otherErrors, type PageRequest, parse, type Reply, type Route, readForm, redirect } from '#core';
import { type Network, networkInput } from './network.ts';
import { permission, ROOT, systemView } from './pages.ts';
import { text } from './text.ts';

const HERE = `${ROOT}/network`;
type Errors = Readonly<Record<string, readonly string[]>>;

export function networkPages(network: Network): readonly Route[] {
  async function show({ actor }: PageRequest, given: Readonly<Record<string, unknown>> = {}, errors: Errors = {}): Promise<Reply> {
    const { ports, network: present, secondsLeft } = await network.state(actor);
    const state = { values: { ...(present ?? parse(networkInput, {})), ...given }, errors };
    const { fields: labels } = text.network;
    const choices = (of: Readonly<Record<string, string>>) => Object.entries(of).map(([value, label]) => ({ value, label }));
    const portChoices = [{ value: '', label: text.network.choose }, ...ports.map(({ name }) => ({ value: name, label: name }))];
    const uplink = [
      field(state, 'method', labels.method, { kind: 'choice', choices: choices(text.network.methods) }),
      field(state, 'address', labels.address, { help: text.network.help.address }),
      field(state, 'gateway', labels.gateway),
      field(state, 'dns', labels.dns, { kind: 'list', help: text.network.help.dns }),
      field(state, 'address6', labels.address6, { help: text.network.help.address6 }),
      field(state, 'gateway6', labels.gateway6),
    ];
    const lan = [
      field(state, 'layout', labels.layout, { kind: 'choice', choices: choices(text.network.layouts) }),
      field(state, 'wan', labels.wan, { kind: 'choice', choices: portChoices }),
      field(state, 'lan', labels.lan, { kind: 'choice', choices: portChoices }),
      field(state, 'lanAddress', labels.lanAddress, { help: text.network.help.lanAddress }),
      field(state, 'dhcpServer', labels.dhcpServer, { kind: 'flag' }),
      field(state, 'nat', labels.nat, { kind: 'flag' }),
    ];
    return systemView('network', { ports, secondsLeft, uplink, lan, problems: otherErrors(errors, [...uplink, ...lan]) });
  }

  const done = async ({ session }: PageRequest, act: Promise<void>, message: string): Promise<Reply> => {
    await act;
    session.flash('success', message);
    return redirect(HERE);
  };

  return [
    { method: 'GET', path: HERE, permission, handle: (request) => show(request) },
    {
      method: 'POST',
      path: HERE,
      permission,
      handle(request) {
        const given = readForm(networkInput, request.form);
        return orShowAgain(
          async () => {
            await network.attempt(request.actor, given);
            return redirect(HERE);
          },
          (errors) => show(request, given, errors),
        );
      },
    },
    { method: 'POST', path: `${HERE}/confirm`, permission, handle: (request) => done(request, network.confirm(request.actor), text.network.confirmed) },
    { method: 'POST', path: `${HERE}/undo`, permission, handle: (request) => done(request, network.undo(request.actor), text.network.undone) },
  ];
}
