import type { UserId } from '../net/inputs.ts';
import type { SignInMethod } from '../plugin/contract.ts';
import { en } from '../text/en.ts';
import type { OwnSignInParts } from './own-sign-in.ts';

export interface SignInCardParts extends OwnSignInParts {
  readonly offeredMethods: () => Promise<readonly SignInMethod[]>;
}

interface Viewer {
  /** Where the cards' forms lead: `/account`, or the user's page for administrators. */
  readonly root: string;
  readonly isOwn: boolean;
  /** The session that looks at them. */
  readonly sessionHash: string | null;
}

/** The cards on second factors, identities and sessions: templates with their models, for one's own account and for administrators. */
export async function signInCards(parts: SignInCardParts, userId: UserId, { root, isOwn, sessionHash }: Viewer) {
  const lists = await parts.factors.of(userId);
  const labels = new Map((await parts.offeredMethods()).map(({ id, label }) => [id, label]));
  const labelOf = (method: string | null) => (method === 'local' ? en.methods.local : (labels.get(method ?? '') ?? method ?? '–'));
  const sessions = (await parts.sessions.of(userId)).map((session) => ({
    ...session,
    browser: browserOf(session.userAgent),
    label: labelOf(session.method),
    isCurrent: session.hash === sessionHash,
  }));
  const identities = (await parts.identities.of(userId)).map((identity) => ({ ...identity, label: labelOf(identity.provider) }));
  const methodCount = lists.reduce((sum, { methods }) => sum + methods.length, 0);
  const factorCard = { template: 'core/account/_factors', model: { isOwn, lists, methodCount, codesLeft: await parts.recoveryCodes.left(userId) } };
  return {
    methodCount,
    cards: [
      ...(lists.length > 0 ? [factorCard] : []),
      { template: 'core/account/_identities', model: { root, identities } },
      { template: 'core/account/_sessions', model: { root, isOwn, sessions } },
    ],
  };
}

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg(?:e|A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|CriOS)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Macintosh/, 'macOS'],
  [/Linux|X11/, 'Linux'],
];

/** `Firefox, Linux`: enough to tell one's own browsers apart. */
function browserOf(userAgent: string | null): string {
  const named = [BROWSERS, SYSTEMS].flatMap((table) => table.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1] ?? []);
  return named.length > 0 ? named.join(', ') : (userAgent?.slice(0, 40) ?? en.sessions.unknownBrowser);
}
