import { type FactorMethod, json, type Plugin, type Route, redirect } from '#core';
import type { ProvenIdentity } from '../../core/accounts/identities.ts';

interface PinPlugin {
  readonly plugin: Plugin;
  /** Methods by user. */
  readonly pins: Map<string, FactorMethod[]>;
}

/** Signs people in and asks for a second factor with as little as core's contract takes: what the real plugins stand on. */
export function pinPlugin(): PinPlugin {
  const pins = new Map<string, FactorMethod[]>();
  const of = (userId: string) => pins.get(userId) ?? [];

  const plugin: Plugin = {
    manifest: { id: 'pin', title: 'PIN', summary: 'For tests.' },
    setup({ signIn, clock }) {
      const route = (path: string, handle: Route['handle']): Route => ({ method: 'POST', path, permission: 'public', handle });
      return {
        pages: () => [
          route('/pin/prove/:proof', async (request) => {
            const proof = request.params['proof'] === 'all' ? 'all-factors' : 'first-factor';
            return redirect(await signIn.prove({ ...request, returnTo: '/devices/new' }, request.form.get('user') as never, 'pin', proof));
          }),
          route('/pin/identity', async (request) => {
            const identity = JSON.parse(request.form.get('identity') ?? '') as ProvenIdentity;
            return redirect(await signIn.withIdentity(request, identity, JSON.parse(request.form.get('policy') ?? '{"mayCreate":true}')));
          }),
          route('/pin/enrol', async (request) => {
            const userId = (await signIn.enrolling(request)).userId ?? '';
            pins.set(userId, [...of(userId), { id: `pin-${of(userId).length}`, name: 'My PIN', createdAt: clock.now(), lastUsedAt: null }]);
            return redirect(await signIn.enrolled(request));
          }),
          route('/pin/challenge', async (request) => {
            const { userId } = signIn.pendingOf(request.session.data);
            await signIn.attempt(userId, request.ip);
            if (request.form.get('pin') !== '1234') return json({}, 401);
            return redirect(await signIn.satisfy(request));
          }),
        ],
        signIn: async () => [{ id: 'pin', label: 'PIN', path: '/pin', icon: 'key' }],
        secondFactor: {
          id: 'pin',
          label: 'PIN',
          icon: 'key',
          challengePath: '/pin/challenge',
          enrolPath: '/pin/enrol',
          list: async (userId) => of(userId),
          remove: async (_, userId, methodId) => {
            pins.set(
              userId,
              of(userId).filter(({ id }) => id !== methodId),
            );
          },
        },
      };
    },
  };
  return { plugin, pins };
}
