import { type FormField, field, readForm } from '#core';
import { newProvider, providerChanges } from './schema.ts';
import { text } from './text.ts';

type FormState = Parameters<typeof field>[0];

const words = text.providers;

/** The fields in three groups; the id only while it can still be chosen. */
export function providerFields(state: FormState, isNew: boolean): readonly { readonly title: string; readonly fields: readonly FormField[] }[] {
  const secretHelp = isNew ? words.clientSecretHelp : words.clientSecretKeep;
  return [
    {
      title: words.groups.provider,
      fields: [
        ...(isNew ? [field(state, 'id', words.id, { help: words.idHelp, isRequired: true })] : []),
        field(state, 'label', words.label, { help: words.labelHelp, isRequired: true }),
        field(state, 'discoveryDocumentUri', words.discoveryDocumentUri, { help: words.discoveryHelp, isRequired: true }),
        field(state, 'clientId', words.clientId, { isRequired: true }),
        field(state, 'clientSecret', words.clientSecret, { kind: 'password', help: secretHelp, autocomplete: 'new-password' }),
        field(state, 'scope', words.scope, { help: words.scopeHelp, isRequired: true }),
      ],
    },
    {
      title: words.groups.people,
      fields: [
        field(state, 'autoCreateUsers', words.autoCreateUsers, { kind: 'flag', help: words.autoCreateHelp }),
        field(state, 'allowedDomains', words.allowedDomains, { kind: 'list', help: words.allowedDomainsHelp }),
        field(state, 'adminClaim', words.adminClaim, { help: words.adminClaimHelp }),
        field(state, 'adminValues', words.adminValues, { kind: 'prose', help: words.adminValuesHelp }),
        field(state, 'trustedForSecondFactor', words.trusted, { kind: 'flag', help: words.trustedHelp }),
      ],
    },
    {
      title: words.groups.more,
      fields: [
        field(state, 'enabled', words.enabledField, { kind: 'flag' }),
        field(state, 'mayReachThisBox', words.mayReachThisBox, { kind: 'flag', help: words.mayReachHelp }),
        field(state, 'trailingSlash', words.trailingSlash, { kind: 'flag', help: words.trailingSlashHelp }),
      ],
    },
  ];
}

/** What was submitted, as the schema wants it. An empty secret is not named, so that the present one stays. */
export function readProvider(form: URLSearchParams, isNew: boolean): Record<string, unknown> {
  const { clientSecret, ...given } = readForm(isNew ? newProvider : providerChanges, form);
  const adminValues = (form.get('adminValues') ?? '').split('\n').flatMap((value) => value.trim() || []);
  return { ...given, adminValues, ...(clientSecret === null ? {} : { clientSecret }) };
}

/** As the form shows it: names of groups have blanks and commas, so each has its line. */
export function shownValues(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { adminValues } = values;
  return { ...values, adminValues: Array.isArray(adminValues) ? adminValues.join('\n') : '' };
}
