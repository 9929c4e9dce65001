import {
  type FormState,
  field,
  type Host,
  orShowAgain,
  otherErrors,
  type PageRequest,
  type Reply,
  type Route,
  redirect,
  saveSection,
  Unavailable,
  view,
} from '#core';
import { section } from './section.ts';
import type { CertificateService } from './service.ts';
import { text } from './text.ts';

const ROOT = `/admin/settings/${section.id}`;
const EMPTY: FormState = { values: {}, errors: {} };

/** What was submitted, and what is wrong with it; the settings are those that are set where nothing was. */
interface Submitted {
  readonly settings?: FormState;
  readonly own?: FormState;
  readonly problem?: string;
}

export function certificatePages({ settings }: Pick<Host, 'settings'>, service: CertificateService): readonly Route[] {
  async function show({ settings: given, own: typed = EMPTY, problem }: Submitted = {}): Promise<Reply> {
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
      return field(given ?? { values, errors: {} }, name, label, { kind, help });
    });
    const own = [
      field(typed, 'certificate', text.certificate, { kind: 'prose', isRequired: true }),
      // A key is never shown again, not even to who has just typed it.
      field({ ...typed, values: {} }, 'key', text.key, { kind: 'prose', isRequired: true }),
    ];
    const problems = [...otherErrors(given?.errors ?? {}, fields), ...(problem === undefined ? [] : [problem])];
    const model = { title: text.title, text, action: ROOT, fields, problems, own, ownProblems: otherErrors(typed.errors, own) };
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
      path: ROOT,
      permission: 'settings.manage',
      handle: (request) => saveSection(settings, section, request, (state) => show({ settings: state })),
    },
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
          (errors) => show({ own: { values: given, errors } }),
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
          if (error instanceof Unavailable) return show({ problem: error.message });
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
