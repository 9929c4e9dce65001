import { field, type Host, orShowAgain, otherErrors, type PageRequest, type Reply, type Route, redirect, Unavailable, view } from '#core';
import { section } from './section.ts';
import type { CertificateService } from './service.ts';
import { text } from './text.ts';

const ROOT = `/admin/settings/${section.id}`;
type Errors = Readonly<Record<string, readonly string[]>>;

export function certificatePages({ settings }: Pick<Host, 'settings'>, service: CertificateService): readonly Route[] {
  async function show(given: Readonly<Record<string, string>> = {}, errors: Errors = {}, problem: string | null = null): Promise<Reply> {
    const values = await settings.read(section);
    const labels = text.settings.fields;
    const kinds = {
      automatic: 'flag',
      names: 'list',
      email: 'text',
      agrees: 'flag',
      directory: 'text',
      authorities: 'prose',
      mayReachThisBox: 'flag',
    } as const;
    const fields = Object.entries(kinds).map(([name, kind]) => {
      const { label, help } = labels[name as keyof typeof kinds];
      return field({ values, errors: {} }, name, label, { kind, help });
    });
    const own = [
      field({ values: given, errors }, 'certificate', text.certificate, { kind: 'prose', isRequired: true }),
      // A key is never shown again, not even to who has just typed it.
      field({ values: {}, errors }, 'key', text.key, { kind: 'prose', isRequired: true }),
    ];
    const model = { title: text.title, text, action: ROOT, fields, own, problem, ownProblems: otherErrors(errors, own) };
    return view('certificate/settings', { ...model, facts: service.facts(), lastTry: service.lastTry(), canOrder: values.automatic });
  }

  const done = ({ session }: PageRequest, message: string): Reply => {
    session.flash('success', message);
    return redirect(ROOT);
  };

  return [
    { method: 'GET', path: ROOT, permission: 'settings.manage', handle: () => show() },
    {
      method: 'POST',
      path: `${ROOT}/own`,
      permission: 'settings.manage',
      handle(request) {
        const given = { certificate: request.form.get('certificate') ?? '', key: request.form.get('key') ?? '' };
        return orShowAgain(
          async () => {
            await service.install(request.actor, given);
            return done(request, text.installed);
          },
          (errors) => show(given, errors),
        );
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/order`,
      permission: 'settings.manage',
      async handle(request) {
        try {
          await service.order(request.actor);
          return done(request, text.ordered);
        } catch (error) {
          if (error instanceof Unavailable) return show({}, {}, error.message);
          throw error;
        }
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/made-here`,
      permission: 'settings.manage',
      handle: () =>
        view('core/confirm', { title: text.makeOwn, question: text.makeOwnAsk, label: text.makeOwn, action: `${ROOT}/made-here`, back: ROOT, makesKey: false }),
    },
    {
      method: 'POST',
      path: `${ROOT}/made-here`,
      permission: 'settings.manage',
      async handle(request) {
        await service.makeOwn(request.actor);
        return done(request, text.made);
      },
    },
  ];
}
