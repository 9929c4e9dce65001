import { randomUUID } from 'node:crypto';
import type { Plugin } from '../../core/plugin/contract.ts';

interface Method {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: null;
}

/** A kind of second factor that anybody can be given, kept in memory. */
export function fakeSecondFactor() {
  const methods = new Map<string, Method[]>();
  const plugin: Plugin = {
    manifest: { id: 'fake', title: 'Fake factor', summary: 'A second factor for tests.' },
    setup: () => ({
      secondFactor: {
        id: 'fake',
        label: 'Fake factor',
        icon: 'key',
        challengePath: '/mfa/fake',
        enrolPath: '/account/fake/new',
        list: async (userId) => methods.get(userId) ?? [],
        async remove(_tx, userId, methodId) {
          methods.set(userId, methods.get(userId)?.filter(({ id }) => id !== methodId) ?? []);
        },
      },
    }),
  };
  return {
    plugin,
    /** Answers the method's id. */
    give(userId: string, name: string): string {
      const id = randomUUID();
      methods.set(userId, [...(methods.get(userId) ?? []), { id, name, createdAt: new Date(0), lastUsedAt: null }]);
      return id;
    },
  };
}
