import { and, eq } from 'drizzle-orm';
import { type Host, type Secrets, systemActor, Unavailable } from '#core';
import { loadLibrary, openClient } from './client.ts';
import type { Discovery } from './discovery.ts';
import { codeOf, oauthErrorOf } from './flow.ts';
import { section } from './section.ts';
import { connectionById, type DueConnection, dueConnections, enabledProviders, type Provider, removeDisconnected } from './store.ts';
import { connections } from './tables.ts';
import { text } from './text.ts';

type Client = Awaited<ReturnType<typeof openClient>>;

/** What became of asking once. Only the provider's word that the grant is over is a refusal (RFC 6749 §5.2). */
type Outcome = { readonly kind: 'renewed'; readonly token: string } | { readonly kind: 'refused' } | { readonly kind: 'failed'; readonly why: string };

interface Failure {
  readonly connection: DueConnection['connection'];
  readonly why: string;
  readonly wasAsked: boolean;
}

const AT_ONCE = 4;
/** So many tries in a row may fail before the provider is left alone until the next run. */
const PATIENCE = 4;
const WARN_AFTER = 3;
const ACTOR = systemActor('oidc refresh', 'job');

/** Asks every provider whether the people who came through it may still come in, a few at once, until the signal ends it. */
export function createRefresh(host: Pick<Host, 'db' | 'audit' | 'clock' | 'events' | 'log' | 'secrets' | 'settings' | 'signIn'>, discovery: Discovery) {
  const { db, audit, clock, events, log, secrets } = host;

  async function refreshProvider(provider: Provider, signal: AbortSignal): Promise<void> {
    const due = await dueConnections(db, provider.id);
    if (due.length === 0) return;
    const wasFailing = due.some(({ connection }) => connection.failures >= WARN_AFTER);
    const waiting = [...due];
    const failed: Failure[] = [];
    let inARow = 0;
    const client = await open(provider);

    async function work(): Promise<void> {
      for (let one = waiting.shift(); one !== undefined && !signal.aborted; one = waiting.shift()) {
        const isLeftAlone = inARow >= PATIENCE;
        const outcome = isLeftAlone ? lastFailure(failed) : await ask(client, one);
        inARow = outcome.kind === 'failed' ? inARow + 1 : 0;
        if (outcome.kind === 'renewed') await store(one, outcome.token);
        if (outcome.kind === 'refused') await refuse(provider, one);
        if (outcome.kind === 'failed') failed.push({ connection: one.connection, why: outcome.why, wasAsked: !isLeftAlone });
      }
    }

    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await countFailures(failed);
    const [worst] = failed.filter(({ connection }) => connection.failures + 1 >= WARN_AFTER);
    if (worst && !wasFailing) events.emit('attention.needed', { severity: 'warning', about: 'oidc', message: text.refresh.failing(provider.label, worst.why) });
  }

  /** The client, or why there is none. */
  async function open(provider: Provider): Promise<Client | string> {
    try {
      return await openClient(provider, await discovery.of(provider), secrets);
    } catch (error) {
      return reasonOf(error);
    }
  }

  async function ask(client: Client | string, { connection }: DueConnection): Promise<Outcome> {
    if (typeof client === 'string') return { kind: 'failed', why: client };
    try {
      const token = tokenOf(connection, secrets);
      const library = await loadLibrary();
      const granted = await library.refreshTokenGrant(client, token);
      return { kind: 'renewed', token: granted.refresh_token ?? token };
    } catch (error) {
      const isRefusal = codeOf(error) === 'OAUTH_RESPONSE_BODY_ERROR' && oauthErrorOf(error) === 'invalid_grant';
      return isRefusal ? { kind: 'refused' } : { kind: 'failed', why: reasonOf(error) };
    }
  }

  /** In place of the token that was asked with: if the person has signed in meanwhile, theirs is newer. */
  async function store({ connection }: DueConnection, token: string): Promise<void> {
    const now = clock.now();
    const renewed = { refreshToken: secrets.seal(token), refreshedAt: now, lastError: null, failures: 0, updatedAt: now };
    await db.transaction(async (tx) => {
      await tx.update(connections).set(renewed).where(isStill(connection));
    });
  }

  /** The VPN ends before the token goes: whatever interrupts this, the next run asks again and ends it then. */
  async function refuse(provider: Provider, { connection, email }: DueConnection): Promise<void> {
    const present = await connectionById(db, connection.id);
    if (present?.refreshToken !== connection.refreshToken) return;
    const { disableVpnOnError } = await host.settings.read(section);
    if (disableVpnOnError) await host.signIn.endVpnSession(ACTOR, connection.userId);
    await db.transaction(async (tx) => {
      const gone = { refreshToken: null, lastError: text.refresh.refusedShort, failures: 0, updatedAt: clock.now() };
      await tx.update(connections).set(gone).where(isStill(connection));
      const target = { type: 'user', id: connection.userId, name: email };
      await audit.record(tx, ACTOR, { action: 'oidc.renewal-refused', target, changes: { provider: provider.id } });
    });
    events.emit('attention.needed', { severity: 'warning', about: 'oidc', message: text.refresh.refused(provider.label, email, disableVpnOnError) });
  }

  /** Those that were left alone come first next time. */
  async function countFailures(failed: readonly Failure[]): Promise<void> {
    if (failed.length === 0) return;
    const now = clock.now();
    await db.transaction(async (tx) => {
      for (const { connection, why, wasAsked } of failed) {
        const counted = { failures: connection.failures + 1, lastError: why, ...(wasAsked ? { refreshedAt: now } : {}) };
        await tx.update(connections).set(counted).where(isStill(connection));
      }
    });
  }

  return async (signal: AbortSignal): Promise<void> => {
    await db.transaction(removeDisconnected);
    for (const provider of await enabledProviders(db)) {
      if (signal.aborted) return;
      await refreshProvider(provider, signal).catch((error: unknown) => log.error({ provider: provider.id, error: reasonOf(error) }, 'renewing failed'));
    }
  };
}

function lastFailure(failed: readonly Failure[]): Outcome {
  return { kind: 'failed', why: failed.at(-1)?.why ?? '' };
}

function isStill({ id, refreshToken }: DueConnection['connection']) {
  return and(eq(connections.id, id), eq(connections.refreshToken, refreshToken ?? ('' as never)));
}

function tokenOf({ refreshToken }: DueConnection['connection'], secrets: Secrets): string {
  return refreshToken === null ? '' : secrets.open(refreshToken);
}

/** In a sentence's middle; the library wraps what really happened. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Unavailable ? error.cause : error;
  const answered = oauthErrorOf(error);
  if (answered !== undefined) return `it answered ${answered}`;
  return cause instanceof Error ? cause.message : String(cause);
}
