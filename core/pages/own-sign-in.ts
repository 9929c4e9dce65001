import type { Factors } from '../accounts/factors.ts';
import type { Identities } from '../accounts/identities.ts';
import type { RecoveryCodes } from '../accounts/recovery-codes.ts';
import type { Sessions } from '../accounts/sessions.ts';
import { type Route, redirect, view } from '../http/route.ts';
import { en } from '../text/en.ts';

export interface OwnSignInParts {
  readonly factors: Factors;
  readonly recoveryCodes: RecoveryCodes;
  readonly identities: Identities;
  readonly sessions: Sessions;
}

const ROOT = '/account';

/** What hangs on one's own sign-in: second factors, recovery codes, connected identities, sessions. */
export function ownSignInPages(parts: OwnSignInParts): readonly Route[] {
  return [...factorPages(parts), ...recoveryCodePages(parts), ...identityPages(parts), ...sessionPages(parts)];
}

function factorPages({ factors }: OwnSignInParts): readonly Route[] {
  const path = `${ROOT}/factors/:factor/:id/remove`;
  return [
    {
      method: 'GET',
      path,
      permission: 'account.own',
      needsFreshProof: true,
      async handle({ actor, params, url }) {
        const { name } = await factors.find(actor, params['factor'] ?? '', params['id'] ?? '');
        return confirm(en.factors.remove, en.factors.removeAsk(name), url);
      },
    },
    {
      method: 'POST',
      path,
      permission: 'account.own',
      needsFreshProof: true,
      async handle({ actor, params, session }) {
        const { name } = await factors.remove(actor, params['factor'] ?? '', params['id'] ?? '');
        session.flash('success', en.factors.removed(name));
        return redirect(ROOT);
      },
    },
  ];
}

function recoveryCodePages({ recoveryCodes }: OwnSignInParts): readonly Route[] {
  const path = `${ROOT}/recovery-codes`;
  const title = en.recoveryCodes.title;
  return [
    {
      method: 'GET',
      path,
      permission: 'account.own',
      handle: async ({ actor }) =>
        view('core/account/recovery-codes', { title, codes: null, left: actor.userId === null ? 0 : await recoveryCodes.left(actor.userId) }),
    },
    {
      method: 'POST',
      path,
      permission: 'account.own',
      needsFreshProof: true,
      async handle({ actor }) {
        const codes = await recoveryCodes.renew(actor);
        return view('core/account/recovery-codes', { title, codes, left: codes.length }, 201);
      },
    },
  ];
}

function identityPages({ identities }: OwnSignInParts): readonly Route[] {
  const path = `${ROOT}/identities/:id/remove`;
  return [
    {
      method: 'GET',
      path,
      permission: 'account.own',
      needsFreshProof: true,
      async handle({ actor, params, url }) {
        const { provider } = await identities.get(actor, params['id'] ?? '');
        return confirm(en.identities.remove, en.identities.removeAsk(provider, actor.name), url);
      },
    },
    {
      method: 'POST',
      path,
      permission: 'account.own',
      needsFreshProof: true,
      async handle({ actor, params, session }) {
        const { provider } = await identities.remove(actor, params['id'] ?? '');
        session.flash('success', en.identities.removed(provider));
        return redirect(ROOT);
      },
    },
  ];
}

function sessionPages({ sessions }: OwnSignInParts): readonly Route[] {
  return [
    {
      method: 'POST',
      path: `${ROOT}/sessions/others/end`,
      permission: 'account.own',
      async handle({ actor, session }) {
        await sessions.endOthers(actor, session.hash);
        session.flash('success', en.sessions.othersEnded);
        return redirect(ROOT);
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/sessions/:id/end`,
      permission: 'account.own',
      async handle({ actor, params, session }) {
        const { hash } = await sessions.end(actor, params['id'] ?? '');
        if (hash === session.hash) {
          session.end();
          return redirect('/login');
        }
        session.flash('success', en.sessions.ended);
        return redirect(ROOT);
      },
    },
  ];
}

function confirm(label: string, question: string, action: string) {
  return view('core/confirm', { title: label, question, label, action, back: ROOT, makesKey: false });
}
