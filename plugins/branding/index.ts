import { brandSlot, fill, type Host, type Operation, type Plugin } from '#core';
import { createLogos, decoded, type Logos, newLogo } from './logo.ts';
import { brandingPages, LOGO_PATH } from './pages.ts';
import { section } from './section.ts';
import { text } from './text.ts';

/** The box under its owner's name and logo. */
export const branding: Plugin = {
  manifest: { id: 'branding', title: text.title, summary: text.summary, settings: section },
  setup(host: Host) {
    const logos = createLogos(host);
    return {
      pages: () => brandingPages(host, logos),
      api: logoOperations(logos),
      fills: [
        fill(brandSlot, async () => {
          const { productName, signInMessage } = await host.settings.read(section);
          const version = await logos.version();
          return { name: productName, logo: version === null ? null : `${LOGO_PATH}/${version}`, signInMessage: signInMessage || null };
        }),
      ],
    };
  },
};

function logoOperations(logos: Logos): readonly Operation[] {
  const shared = { tag: 'Configuration', path: '/configuration/branding/logo', permission: 'settings.manage', status: 204 } as const;
  return [
    {
      ...shared,
      id: 'put-logo',
      method: 'PUT',
      summary: text.logo.operations.put,
      body: newLogo,
      handle: ({ actor, body }) => logos.put(actor, decoded(body)).then(() => ({})),
    },
    { ...shared, id: 'remove-logo', method: 'DELETE', summary: text.logo.operations.remove, handle: ({ actor }) => logos.remove(actor).then(() => ({})) },
  ];
}
