export const text = {
  title: 'Appearance',
  summary: 'The box’s own name and logo, and a message on the sign-in page.',
  settings: {
    title: 'Appearance',
    lead: 'What everybody sees on every page.',
    fields: {
      productName: { label: 'Name', help: 'Stands beside the logo and in the browser’s tab. 1 to 40 characters.' },
      signInMessage: { label: 'Message on the sign-in page', help: 'For example who to ask for help. At most 500 characters; empty: none.' },
    },
  },
  logo: {
    title: 'Logo',
    lead: 'PNG, JPEG, WebP or SVG of at most 1 MiB. Shown 28 to 40 pixels high; a square fits best.',
    field: 'File',
    upload: 'Use this logo',
    remove: 'Use the product’s logo again',
    present: 'The logo in use',
    saved: 'The logo is in use.',
    removed: 'The product’s own logo is back.',
    unknown: 'There is no logo of your own.',
    notAnImage: 'is neither PNG, JPEG, WebP nor SVG',
    notBase64: 'must be the file in base64',
    brokenSvg: (why: string) => `is no SVG that can be read: ${why}`,
    hasDtd: 'a document type is not allowed',
    notSvg: 'its outermost element is not svg',
    operations: { put: 'Use a logo of one’s own', remove: 'Use the product’s logo again' },
  },
};
