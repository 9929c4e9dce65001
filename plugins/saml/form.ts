import { field, readForm } from '#core';
import { newProvider } from './schema.ts';
import type { Provider } from './store.ts';
import { text } from './text.ts';

type FormState = Parameters<typeof field>[0];
type Values = Readonly<Record<string, unknown>>;

const NAMES = Object.keys(newProvider.shape);
const form = text.form;

/** What was submitted. Names of groups have spaces and commas, so they stand one a line. */
export function readProviderForm(given: URLSearchParams): Record<string, unknown> {
  const adminGroups = (given.get('adminGroups') ?? '').split(/[\r\n]+/).filter((group) => group.trim() !== '');
  return { ...readForm(newProvider, given, NAMES), adminGroups };
}

/** What stands in the fields of a provider that there is; its metadata are too long to be shown. */
export function valuesOf({ metadata: _document, ...provider }: Provider): Values {
  return { ...provider, metadata: '' };
}

export const EMPTY: Values = { ...newProvider.parse({ id: 'x', label: 'x' }), id: '', label: '' };

/** The fields by what they are about. */
export function formGroups(state: FormState, isNew: boolean) {
  const shown = { ...state, values: { ...state.values, adminGroups: linesOf(state.values['adminGroups']) } };
  const of = (name: keyof typeof newProvider.shape, options: Parameters<typeof field>[3] = {}) =>
    field(shown, name, form[name], { help: helpOf(name), ...options });
  const flag = (name: keyof typeof newProvider.shape) => of(name, { kind: 'flag' });
  return [
    {
      title: form.basics,
      fields: [
        ...(isNew ? [of('id', { isRequired: true })] : []),
        of('label', { isRequired: true }),
        of('metadataUrl'),
        flag('mayReachThisBox'),
        of('metadata', { kind: 'prose', help: isNew ? form.metadataHelp : form.metadataKeep }),
        flag('enabled'),
      ],
    },
    {
      title: form.people,
      fields: [
        of('subjectAttribute'),
        of('emailAttribute'),
        flag('emailIsVerified'),
        of('allowedDomains', { kind: 'list' }),
        flag('autoCreateUsers'),
        of('groupsAttribute'),
        of('adminGroups', { kind: 'prose' }),
        flag('trustedForSecondFactor'),
      ],
    },
    { title: form.signatures, fields: [flag('requireSignedAssertion'), flag('requireSignedResponse'), flag('signRequests'), flag('signMetadata')] },
  ];
}

function helpOf(name: string): string {
  const texts: Readonly<Record<string, string>> = form;
  return texts[`${name}Help`] ?? '';
}

function linesOf(groups: unknown): unknown {
  return Array.isArray(groups) ? groups.join('\n') : groups;
}
