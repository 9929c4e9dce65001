import type { Operation } from '../plugin/contract.ts';
import { schemaWithoutSecrets, withoutSecrets } from '../settings/secret-fields.ts';
import type { Section } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import { type BoxOperationParts, boxOperations } from './box.ts';
import { bulkOperations } from './bulk.ts';
import { deviceOperations } from './devices.ts';
import { signInOperations } from './sign-in.ts';
import { userOperations } from './users.ts';

type OperationParts = Parameters<typeof userOperations>[0] &
  Parameters<typeof signInOperations>[0] &
  Parameters<typeof deviceOperations>[0] &
  BoxOperationParts &
  ConfigurationParts;

interface ConfigurationParts {
  readonly settings: Settings;
  /** Core's sections and those of running plugins. */
  readonly shownSections: () => readonly Section[];
}

/** What core contributes to the API as it is now: the service functions that its pages call. */
export function coreOperations(parts: OperationParts): readonly Operation[] {
  return [
    ...userOperations(parts),
    ...signInOperations(parts),
    ...deviceOperations(parts),
    ...configurationOperations(parts),
    ...boxOperations(parts),
    ...bulkOperations(parts),
  ];
}

function configurationOperations({ settings, shownSections }: ConfigurationParts): readonly Operation[] {
  return shownSections().flatMap((section): Operation[] => {
    const { schema } = section;
    const answer = schemaWithoutSecrets(schema);
    const shared = { tag: 'Configuration', path: `/configuration/${section.id}`, permission: 'settings.manage', answer } as const;
    return [
      {
        ...shared,
        id: `get-${section.id}-settings`,
        method: 'GET',
        summary: `${section.text.title}: read`,
        handle: async () => ({ body: withoutSecrets(schema, await settings.read(section)) }),
      },
      {
        ...shared,
        id: `update-${section.id}-settings`,
        method: 'PATCH',
        summary: `${section.text.title}: change`,
        body: schema.partial(),
        handle: async ({ actor, body }) => ({ body: withoutSecrets(schema, await settings.update(actor, section, body)) }),
      },
    ];
  });
}
