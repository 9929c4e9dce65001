import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { branding } from '../../../plugins/branding/index.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { uploadAs } from '../../support/upload.ts';

const ROOT = '/admin/settings/branding';
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const svg = (inner: string, attributes = '') => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" ${attributes}>${inner}</svg>`;

describe('the box’s own looks', () => {
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    box = await createTestApp({ plugins: [branding] });
    admin = await box.signedIn();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const upload = (content: string | Uint8Array<ArrayBuffer>, browser = admin) => uploadAs(box, browser, `${ROOT}/logo`, 'logo', content);
  const logo = async () => {
    const [, path = ''] = /src="(\/branding\/logo[^"]*)"/.exec((await box.browser().get('/login')).text) ?? [];
    return path === '' ? null : box.browser().get(path);
  };

  it('give the name and the message on the sign-in page, escaped', async () => {
    await admin.post(ROOT, { productName: 'ACME <VPN>', signInMessage: 'Ask <b>Bob</b>\nin room 7' });
    const page = (await box.browser().get('/login')).text;
    expect(page).toContain('<title>Sign in · ACME &lt;VPN&gt;</title>');
    expect(page).toContain('Ask &lt;b&gt;Bob&lt;/b&gt;\nin room 7');
    expect((await admin.post(ROOT, { productName: '', signInMessage: '' })).status).toBe(422);
  });

  it('show an uploaded picture on every page until it is removed', async () => {
    expect(await logo()).toBeNull();
    expect((await upload(PNG)).status).toBe(303);
    const answer = await logo();
    expect([answer?.status, answer?.headers.get('content-type'), answer?.headers.get('x-content-type-options')]).toEqual([200, 'image/png', 'nosniff']);
    expect((await admin.get('/devices')).text).toContain('/branding/logo/');
    await admin.post(`${ROOT}/logo/remove`);
    expect(await logo()).toBeNull();
    expect((await admin.post(`${ROOT}/logo/remove`)).status).toBe(404);
    expect((await box.browser().get('/branding/logo/1')).status).toBe(404);
  });

  it('change the logo’s address with the picture, as browsers keep it', async () => {
    const addresses = new Set<string>();
    for (const picture of [PNG, svg('<path d="M0 0h10"/>')]) {
      await upload(picture);
      addresses.add(/\/branding\/logo\/[0-9a-f]+/.exec((await admin.get('/devices')).text)?.[0] ?? '');
    }
    expect(addresses.size).toBe(2);
  });

  it.each([
    ['a script', '<script>alert(1)</script>', 'script'],
    ['an event handler', '<path d="M0 0" onload="alert(1)"/>', 'onload'],
    ['a style sheet', '<style>@import "http://evil.example/x.css"</style>', 'style'],
    ['a foreign document', '<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="//evil.example"/></foreignObject>', 'evil'],
    ['a link', '<a href="javascript:alert(1)"><path d="M0 0"/></a>', 'javascript'],
    ['a picture from elsewhere', '<image href="http://evil.example/x.png"/>', 'evil'],
    ['a use from elsewhere', '<use href="http://evil.example/x.svg#a"/>', 'evil'],
    ['a fill from elsewhere', '<path fill="url(http://evil.example/#a)" d="M0 0"/>', 'evil'],
    ['an animation of an attribute', '<path><set attributeName="href" to="javascript:alert(1)"/></path>', 'javascript'],
    ['a processing instruction', '<?xml-stylesheet href="http://evil.example/x.xsl"?>', 'evil'],
    ['a prefixed script', '<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>', 'script'],
    ['a comment', '<!-- evil -->', 'evil'],
  ])('leave of an SVG with %s only the drawing', async (_, inner, bad) => {
    expect((await upload(svg(`<rect id="kept" width="5" height="5"/>${inner}`, 'onload="alert(2)"'))).status).toBe(303);
    const answer = await logo();
    expect(answer?.text).toContain('id="kept"');
    expect(answer?.text).not.toContain(bad);
    expect(answer?.text).not.toContain('alert');
    expect(answer?.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox");
  });

  it('keep what a drawing needs: gradients, uses and masks of its own', async () => {
    await upload(
      svg('<defs><linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient></defs><path fill="url(#g)" d="M0 0"/><use href="#g"/>'),
    );
    expect((await logo())?.text).toMatch(/linearGradient[\s\S]*stop-color="red"[\s\S]*url\(#g\)[\s\S]*href="#g"/);
  });

  it.each([
    ['a page', '<!doctype html><script>alert(1)</script>', /neither PNG|document type/],
    ['a page that says it is a picture', '<!-- <svg --><html xmlns="http://www.w3.org/1999/xhtml"><svg/></html>', /outermost element/],
    ['text', 'hello', /neither PNG/],
    ['nothing', '', /neither PNG|choose a file/],
    ['a document type', `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x "y">]>${svg('&x;')}`, /document type/],
    ['broken XML', '<svg xmlns="http://www.w3.org/2000/svg"><path></svg>', /cannot|can be read/],
  ])('refuse %s as a logo', async (_, content, why) => {
    const answer = await upload(content);
    expect(answer.status).toBe(422);
    expect(answer.text).toMatch(why);
    expect(await logo()).toBeNull();
  });

  it('refuse what is too large, and a form without a file', async () => {
    expect((await upload(Buffer.concat([PNG, Buffer.alloc(1_048_576)]))).status).toBe(413);
    expect((await admin.post(`${ROOT}/logo`, { logo: 'x' })).status).toBe(422);
    expect(await logo()).toBeNull();
  });

  it('are changed by administrators alone, and written down', async () => {
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    expect((await upload(PNG, await box.signedIn(user))).status).toBe(403);
    await upload(PNG, box.browser());
    expect(await logo()).toBeNull();
    await upload(PNG);
    expect((await admin.get('/admin/audit')).text).toContain('logo.changed');
  });
});
