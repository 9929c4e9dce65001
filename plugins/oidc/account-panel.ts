import { createHmac } from 'node:crypto';
import { equalInConstantTime, type Host, type PageRequest, type Panel, type Secrets, type User } from '#core';
import { connectedMethods, enabledProviders, methodOf } from './store.ts';
import { text } from './text.ts';

/** The card on the account page: providers that are not connected yet. No card where there is none. */
export function accountPanel({ db, secrets }: Pick<Host, 'db' | 'secrets'>): Panel<User> {
  return {
    template: 'oidc/_account',
    async model({ session }, user) {
      const connected = await connectedMethods(db, user.id);
      const others = (await enabledProviders(db)).filter(({ id }) => !connected.has(methodOf(id)));
      if (others.length === 0) return null;
      const links = others.map(({ id, label }) => ({
        label: text.account.connect(label),
        path: `/auth/oidc/${id}/connect?token=${connectToken(secrets, session.hash ?? '', id)}`,
      }));
      return { text: text.account, links };
    },
  };
}

/** Whether the request came by the link on this session's account page: no other site can make a browser connect anything. */
export function mayConnect(secrets: Secrets, { session, params, query }: PageRequest): boolean {
  return session.hash !== null && equalInConstantTime(query.get('token') ?? '', connectToken(secrets, session.hash, params['id'] ?? ''));
}

/** A form would be safe as well, but the policy of our pages lets no form lead to another site, not even by a redirect. */
function connectToken(secrets: Secrets, sessionHash: string, providerId: string): string {
  return createHmac('sha256', secrets.derive('oidc connect')).update(`${sessionHash} ${providerId}`).digest('base64url');
}
