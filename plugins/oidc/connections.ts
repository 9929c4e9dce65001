import type { Host, Secrets, UserId } from '#core';
import type { Tokens } from './flow.ts';
import { connectionOf, type Provider } from './store.ts';
import { connections } from './tables.ts';

export interface Connections {
  /** Keeps what the provider gave at a sign-in, in place of what it gave before. */
  remember(userId: UserId, provider: Provider, tokens: Tokens): Promise<void>;
  /** Whether the provider, at the user's last sign-in, said that people can sign out there. */
  canSignOutThere(userId: UserId, providerId: string): Promise<boolean>;
  /** Where the user signs out at the provider and then comes back to `returnTo`; null when it offers nothing. */
  signOutThere(userId: UserId, provider: Provider, returnTo: string): Promise<URL | null>;
}

export function createConnections({ db, clock, secrets }: Pick<Host, 'db' | 'clock' | 'secrets'>): Connections {
  return {
    async remember(userId, provider, { refreshToken, idToken, endSessionEndpoint }) {
      const now = clock.now();
      const values = {
        refreshToken: sealed(secrets, refreshToken),
        idToken: sealed(secrets, idToken),
        endSessionEndpoint,
        refreshedAt: now,
        lastError: null,
        failures: 0,
        updatedAt: now,
      };
      await db.transaction(async (tx) => {
        await tx
          .insert(connections)
          .values({ userId, provider: provider.id, ...values, createdAt: now })
          .onConflictDoUpdate({ target: [connections.userId, connections.provider], set: values });
      });
    },
    async canSignOutThere(userId, providerId) {
      return (await connectionOf(db, userId, providerId))?.endSessionEndpoint != null;
    },
    async signOutThere(userId, provider, returnTo) {
      const connection = await connectionOf(db, userId, provider.id);
      if (connection?.endSessionEndpoint == null) return null;
      const to = new URL(connection.endSessionEndpoint);
      if (connection.idToken !== null) to.searchParams.set('id_token_hint', secrets.open(connection.idToken));
      to.searchParams.set('client_id', provider.clientId);
      to.searchParams.set('post_logout_redirect_uri', returnTo);
      return to;
    },
  };
}

function sealed(secrets: Secrets, token: string | null) {
  return token === null ? null : secrets.seal(token);
}
