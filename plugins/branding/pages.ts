import {
  bytesOf,
  type FormState,
  field,
  type Host,
  orShowAgain,
  otherErrors,
  type PageRequest,
  type Reply,
  type Route,
  raw,
  redirect,
  saveSection,
  view,
} from '#core';
import { LARGEST_BYTES, type Logos } from './logo.ts';
import { section } from './section.ts';
import { text } from './text.ts';

const ROOT = `/admin/settings/${section.id}`;
export const LOGO_PATH = '/branding/logo';

export function brandingPages({ settings }: Pick<Host, 'settings'>, logos: Logos): readonly Route[] {
  async function show(logoErrors: FormState['errors'], given?: FormState): Promise<Reply> {
    const state = given ?? { values: await settings.read(section), errors: {} };
    const { productName, signInMessage } = text.settings.fields;
    const fields = [
      field(state, 'productName', productName.label, { help: productName.help, isRequired: true }),
      field(state, 'signInMessage', signInMessage.label, { help: signInMessage.help, kind: 'prose' }),
    ];
    return view('branding/settings', {
      title: text.title,
      text,
      action: ROOT,
      fields,
      problems: otherErrors(state.errors, fields),
      logoProblems: otherErrors(logoErrors, []),
      version: await logos.version(),
    });
  }

  return [
    { method: 'GET', path: ROOT, permission: 'settings.manage', handle: () => show({}) },
    {
      method: 'POST',
      path: ROOT,
      permission: 'settings.manage',
      handle: (request) => saveSection(settings, section, request, (state) => show({}, state)),
    },
    {
      method: 'POST',
      path: `${ROOT}/logo`,
      permission: 'settings.manage',
      handle: ({ actor, session, upload }: PageRequest) =>
        orShowAgain(async () => {
          await logos.put(actor, await bytesOf(await upload('logo', LARGEST_BYTES)));
          session.flash('success', text.logo.saved);
          return redirect(ROOT);
        }, show),
    },
    {
      method: 'POST',
      path: `${ROOT}/logo/remove`,
      permission: 'settings.manage',
      async handle({ actor, session }) {
        await logos.remove(actor);
        session.flash('success', text.logo.removed);
        return redirect(ROOT);
      },
    },
    {
      method: 'GET',
      path: `${LOGO_PATH}/:version`,
      permission: 'public',
      async handle() {
        const { type, content } = await logos.get();
        // Opened by itself, an SVG is a document: it gets no rights at all.
        const headers = {
          'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
          'Cache-Control': 'public, max-age=31536000, immutable',
        };
        return raw(type, content, headers);
      },
    },
  ];
}
