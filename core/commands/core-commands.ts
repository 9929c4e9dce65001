import type { Command } from '../plugin/contract.ts';
import { resourceCommand } from './resource.ts';

/** What core brings to the command line beside running the service. */
export const coreCommands: readonly Command[] = [
  resourceCommand({
    noun: 'user',
    summary: 'users',
    verbs: {
      list: 'list-users',
      create: 'create-user',
      show: 'get-user',
      update: 'update-user',
      disable: 'disable-user',
      enable: 'enable-user',
      'end-vpn': 'end-vpn-session',
      'reset-factors': 'reset-user-factors',
      delete: 'delete-user',
    },
    named: { list: 'list-users', by: 'email' },
    columns: ['id', 'email', 'role', 'disabledAt', 'lastSignedInAt'],
  }),
  resourceCommand({
    noun: 'device',
    summary: 'devices',
    verbs: {
      list: 'list-devices',
      create: 'create-device',
      show: 'get-device',
      config: 'get-device-config',
      update: 'update-device',
      pause: 'pause-device',
      resume: 'resume-device',
      key: 'rotate-device-key',
      delete: 'delete-device',
    },
    named: { list: 'list-devices', by: 'name' },
    columns: ['id', 'name', 'userEmail', 'ipv4', 'ipv6', 'status'],
  }),
  {
    usage: 'settings <section> [fields...]',
    summary: 'shows a section of settings, or changes fields of it given as name=value',
    async run(operate, [section = '', ...fields]) {
      const answer = (await operate(`${fields.length === 0 ? 'get' : 'update'}-${section}-settings`, { fields })) as Readonly<Record<string, unknown>>;
      return {
        answer,
        lines: Object.entries(answer).map(([name, value]) => `${name}  ${Array.isArray(value) ? value.join(', ') : String(value)}`),
        exitCode: 0,
      };
    },
  },
];
