import { field, type Host, type Panel, type User } from '#core';
import { shown } from './rule-list.ts';
import { section } from './section.ts';
import { listRules } from './store.ts';
import { text } from './text.ts';

const MOST = 10;
const PROTOCOLS = (['tcp', 'udp'] as const).map((value) => ({ value, label: text.protocols[value] }));
const AS_IS = { values: {}, errors: {} };

/** On a user's page: their own rules, and the shortest way to one more. */
export function userPanel({ db, settings }: Pick<Host, 'db' | 'settings'>): Panel<User> {
  return {
    template: 'firewall/_user',
    async model(_, user) {
      const { items, total } = await listRules(db, { userId: user.id, limit: MOST });
      const { defaultPolicy } = await settings.read(section);
      return {
        text,
        user,
        rows: items.map(shown),
        total,
        defaultPolicy,
        block: [
          field(AS_IS, 'protocol', text.form.protocol, { kind: 'choice', choices: PROTOCOLS }),
          field(AS_IS, 'portRange', text.blockPort, { isRequired: true, help: text.blockHelp }),
        ],
      };
    },
  };
}
