import type { Actor } from '../accounts/permissions.ts';
import { localPath, type Route, redirect } from '../http/route.ts';
import { en } from '../text/en.ts';

interface ProvisionalPageParts {
  readonly provisional: { confirm(actor: Actor, id: string): Promise<void>; undo(actor: Actor, id: string): Promise<void> };
}

/** The answers to the question that stands above every page while a change waits to be confirmed. */
export function provisionalPages({ provisional }: ProvisionalPageParts): readonly Route[] {
  const answer = (verb: 'confirm' | 'undo', message: string): Route => ({
    method: 'POST',
    path: `/admin/changes/:id/${verb}`,
    permission: 'settings.manage',
    async handle({ actor, params, form, session }) {
      await provisional[verb](actor, params['id'] ?? '');
      session.flash('success', message);
      return redirect(localPath(form.get('returnTo')));
    },
  });
  return [answer('confirm', en.provisional.confirmed), answer('undo', en.provisional.undone)];
}
