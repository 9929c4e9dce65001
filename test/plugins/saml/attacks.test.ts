import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestAnswer, TestApp, TestBrowser } from '../../support/app.ts';
import { type AskedFor, createIdp, FORMATS, type Idp, type KeyPair, makeKeyPair, type Saying, SHA1, sign } from '../../support/saml-idp.ts';
import { begin, boxWith, bring, formOf, PROVIDER, signInThrough, whoIs } from './box.ts';

const ASSERTION = /<saml:Assertion[\s\S]*<\/saml:Assertion>/;
const SIGNATURE = /<ds:Signature[\s\S]*<\/ds:Signature>/;
const partOf = (xml: string, pattern: RegExp) => pattern.exec(xml)?.[0] ?? '';
const without = (xml: string, pattern: RegExp) => xml.replace(pattern, '');
/** What an attacker would like to be: the signed assertion without its signature, about somebody else, with an ID of its own. */
const forged = (signed: string) =>
  without(signed, SIGNATURE)
    .replace(/ ID="_a[^"]*"/, ` ID="_forged${randomUUID()}"`)
    .replaceAll('alice@example.com', 'root@example.com');
/** Puts the original where `place` says, with the forged in its stead. */
const wrap = (place: (original: string, evil: string) => string) => (xml: string) => {
  const original = partOf(xml, ASSERTION);
  return xml.replace(original, () => place(original, forged(original)));
};
const inside = (evil: string, what: string) => evil.replace('</saml:Assertion>', () => `${what}</saml:Assertion>`);
const withSignature = (evil: string, signature: string) => evil.replace('</saml:Issuer>', () => `</saml:Issuer>${signature}`);

describe('an answer from a SAML provider', () => {
  let box: TestApp;
  let idp: Idp;
  let browser: TestBrowser;
  let asked: AskedFor;
  let stranger: KeyPair;
  beforeAll(async () => {
    idp = await createIdp('https://idp.example');
    stranger = await makeKeyPair();
    box = await boxWith(idp, { groupsAttribute: 'groups', adminGroups: 'Box admins' });
    const other = await (await box.signedIn()).post(PROVIDER, formOf(idp, 'other'));
    expect(other.status).toBe(303);
  });
  beforeEach(async () => {
    browser = box.browser();
    asked = await begin(browser);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const answer = (saying: Saying = {}) => idp.answer(asked, { now: box.clock.now(), ...saying });
  const expectRefused = (got: TestAnswer, why: string) => {
    expect([got.status, got.location]).toEqual([403, null]);
    expect(got.text).toContain(why);
  };

  it('is taken when nothing is wrong with it', async () => {
    const brought = await bring(box, answer());
    expect(brought.status).toBe(303);
    expect((await browser.get(brought.location ?? '')).location).toBe('/');
    expect(await whoIs(browser)).toBe('alice@example.com');
  });

  const wrappings: Readonly<Record<string, Saying>> = {
    'XSW1: the signed response inside a forged one’s signature': {
      signs: 'response',
      after: (xml) => {
        const signature = partOf(xml, SIGNATURE);
        const original = without(xml, SIGNATURE);
        const evil = original
          .replace(/ ID="_r[^"]*"/, ' ID="_evil"')
          .replaceAll('alice@example.com', 'root@example.com')
          .replace(/ ID="_a[^"]*"/, ` ID="_forged${randomUUID()}"`);
        return evil.replace('</saml:Issuer>', () => `</saml:Issuer>${signature.replace('</ds:Signature>', () => `${original}</ds:Signature>`)}`);
      },
    },
    'XSW2: the signed response beside the signature in a forged one': {
      signs: 'response',
      after: (xml) => {
        const signature = partOf(xml, SIGNATURE);
        const original = without(xml, SIGNATURE);
        const evil = original
          .replace(/ ID="_r[^"]*"/, ' ID="_evil"')
          .replaceAll('alice@example.com', 'root@example.com')
          .replace(/ ID="_a[^"]*"/, ` ID="_forged${randomUUID()}"`);
        return evil.replace('</saml:Issuer>', () => `</saml:Issuer>${original}${signature}`);
      },
    },
    'XSW3: a forged assertion before the signed one': { after: wrap((original, evil) => evil + original) },
    'XSW3, the other way round: a forged assertion after the signed one': { after: wrap((original, evil) => original + evil) },
    'XSW4: the signed assertion inside a forged one': { after: wrap((original, evil) => inside(evil, original)) },
    'XSW5: the signature moved into a forged assertion, the original at the end': {
      after: wrap((original, evil) => withSignature(evil, partOf(original, SIGNATURE)) + without(original, SIGNATURE)),
    },
    'XSW6: the original inside the signature of a forged assertion': {
      after: wrap((original, evil) =>
        withSignature(
          evil,
          partOf(original, SIGNATURE).replace('</ds:Signature>', () => `${without(original, SIGNATURE)}</ds:Signature>`),
        ),
      ),
    },
    'XSW7: a forged assertion in an extension before the signed one': {
      after: wrap((original, evil) => `<samlp:Extensions>${evil}</samlp:Extensions>${original}`),
    },
    'XSW8: the original in an object of a forged assertion’s signature': {
      after: wrap((original, evil) =>
        withSignature(
          evil,
          partOf(original, SIGNATURE).replace('</ds:Signature>', () => `<ds:Object>${without(original, SIGNATURE)}</ds:Object></ds:Signature>`),
        ),
      ),
    },
    'a forged assertion with the ID of the signed one': {
      after: wrap((original, evil) => evil.replace(/_forged[^"]*/, / ID="([^"]*)"/.exec(original)?.[1] ?? '') + original),
    },
  };
  it.each(Object.entries(wrappings))('that is wrapped is refused: %s', async (_, saying) => {
    const got = await bring(box, answer(saying));
    expect([got.status, got.location]).toEqual([403, null]);
    expect(await whoIs(browser)).toBeNull();
  });

  const tampered: readonly (readonly [string, string, Saying | (() => Saying)])[] = [
    ['without a signature', 'not signed', { signs: 'nothing' }],
    ['with the response signed where the assertion must be', 'its assertion is not signed', { signs: 'response' }],
    ['whose name was changed after it was signed', 'not the provider’s', { after: (xml) => xml.replaceAll('alice@', 'root@') }],
    [
      'with an attribute changed after it was signed',
      'not the provider’s',
      { attributes: { groups: ['staff'] }, after: (xml) => xml.replace('staff', 'Box admins') },
    ],
    ['signed with another key, whose certificate it brings along', 'not the provider’s', () => ({ key: stranger })],
    [
      'signed by the provider, with another certificate put in and signed anew',
      'not the provider’s',
      () => ({ after: (xml: string) => sign(without(xml, SIGNATURE).replaceAll('alice@', 'root@'), 'Assertion', { key: stranger }) }),
    ],
    ['with SHA-1', 'which is not allowed', { algorithms: SHA1 }],
    ['with SHA-1 in the digest alone', 'which is not allowed', { algorithms: { digest: SHA1.digest } }],
    [
      'with a comment in its digest (CVE-2025-29775)',
      'comments',
      { after: (xml) => xml.replaceAll('alice@', 'root@').replace(/<ds:DigestValue>/, '<ds:DigestValue><!--evil-->') },
    ],
    [
      'with two SignedInfo (CVE-2025-29774)',
      'can be one',
      {
        after: (xml) => xml.replace(/<ds:SignedInfo>[\s\S]*<\/ds:SignedInfo>/, (info) => info.replace(/<ds:DigestValue>[^<]*/, '<ds:DigestValue>QUFB') + info),
      },
    ],
    [
      'with a second SignedInfo inside the first',
      'shape that is not allowed',
      { after: (xml) => xml.replace(/<ds:SignedInfo>[\s\S]*<\/ds:SignedInfo>/, (info) => info.replace('</ds:SignedInfo>', () => `${info}</ds:SignedInfo>`)) },
    ],
    ['with two references', 'can be one', { after: (xml) => xml.replace(/<ds:Reference [\s\S]*<\/ds:Reference>/, (one) => one + one) }],
    ['with a reference to everything', 'shape that is not allowed', { after: (xml) => xml.replace(/ URI="[^"]*"/, ' URI=""') }],
    [
      'with a transform that chooses what is signed',
      'shape that is not allowed',
      {
        after: (xml) =>
          xml.replace(
            'Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>',
            'Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"/></ds:Transforms>',
          ),
      },
    ],
    ['with a comment in the name', 'comments', { nameId: 'user@evil.com.good.com', after: (xml) => xml.replace('user@evil.com', 'user@evil.com<!-- -->') }],
    ['with a document type', 'document type', { after: (xml) => `<!DOCTYPE x>${xml}` }],
    [
      'that reads a file of this box (XXE)',
      'document type',
      { after: (xml) => `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>${xml.replace('alice@example.com', '&f;')}` },
    ],
    [
      'that grows without end (billion laughs)',
      'document type',
      { after: (xml) => `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>${xml.replace('alice@example.com', '&b;')}` },
    ],
    [
      'with another element of the same ID, in a namespace of its own',
      'same ID',
      { after: (xml) => xml.replace('<samlp:Status>', `<samlp:Status xmlns:x="urn:x" x:id="${/ ID="(_a[^"]*)"/.exec(xml)?.[1]}">`) },
    ],
    ['that is nested without end', 'nested', { after: (xml) => xml.replace('<samlp:Status>', `<samlp:Status>${'<a>'.repeat(4_000)}${'</a>'.repeat(4_000)}`) }],
    ['with tags without end', 'more than 10000 tags', { after: (xml) => xml.replace('<samlp:Status>', `<samlp:Status>${'<a/>'.repeat(10_000)}`) }],
    ['with processing instructions', 'processing instructions', { after: (xml) => xml.replace('<saml:Subject>', '<?evil?><saml:Subject>') }],
    ['that is no XML', 'well-formed', { after: () => '<samlp:Response' }],
    ['that is another message', 'no SAML 2.0 response', { after: (xml) => xml.replaceAll('samlp:Response', 'samlp:LogoutResponse') }],
    ['with an encrypted assertion', 'encrypted', { before: (xml) => xml.replace(ASSERTION, '<saml:EncryptedAssertion/>'), signs: 'response' }],
  ];
  it.each(tampered)('%s is refused', async (_, why, saying) => {
    expectRefused(await bring(box, answer(typeof saying === 'function' ? saying() : saying)), why);
    expect(await whoIs(browser)).toBeNull();
  });

  const elsewhere = 'https://elsewhere.example/acs';
  const at = (ms: number) => new Date(Date.parse('2026-06-01T12:00:00Z') + ms);
  const misdirected: readonly (readonly [string, string, Saying])[] = [
    ['from another issuer', 'another issuer', { issuer: 'https://evil.example', assertionIssuer: 'https://idp.example' }],
    ['whose assertion is from another issuer', 'another issuer', { assertionIssuer: 'https://evil.example' }],
    ['for another audience', 'another service', { audience: 'https://elsewhere.example' }],
    ['for another recipient', 'Recipient', { recipient: elsewhere }],
    ['for another destination', 'Destination', { destination: elsewhere }],
    ['without a destination', 'Destination', { destination: '' }],
    ['for a longer address than ours', 'Destination', { destination: 'http://localhost:13000/auth/saml/sp/consume/acme/' }],
    ['to a request that nobody made', 'does not belong', { inResponseTo: '_nobody-asked' }],
    ['whose confirmation is for another request', 'does not belong', { subjectInResponseTo: '_another' }],
    ['that is unsolicited', 'nobody here asked', { inResponseTo: '', subjectInResponseTo: '' }],
    ['that is confirmed otherwise than by bearing it', 'Recipient', { method: 'sender-vouches' }],
    ['that has expired', 'too old', { notOnOrAfter: at(-61_000) }],
    ['whose confirmation has expired', 'too old', { confirmedUntil: at(-61_000) }],
    ['that is not yet valid', 'not valid yet', { notBefore: at(61_000) }],
    [
      'whose session at the provider is over',
      'too old',
      { before: (xml) => xml.replace(' SessionIndex', ` SessionNotOnOrAfter="2026-06-01T11:58:00Z" SessionIndex`) },
    ],
    ['with a condition that is not known', 'not known here', { conditions: '<x:Only xmlns:x="urn:x"/>' }],
    [
      'with a second audience that is not ours',
      'another service',
      { conditions: '<saml:AudienceRestriction><saml:Audience>https://b</saml:Audience></saml:AudienceRestriction>' },
    ],
    [
      'that does not say that anybody signed in',
      'anybody signed in',
      { before: (xml) => xml.replace(/<saml:AuthnStatement[\s\S]*<\/saml:AuthnStatement>/, '') },
    ],
    ['without an end of its confirmation', 'does not hold', { before: (xml) => xml.replace(/ NotOnOrAfter="[^"]*"\/>/, '/>') }],
    ['with a transient name', 'transient, which identifies nobody', { format: FORMATS.transient }],
    ['that names nobody', 'names nobody', { nameId: '' }],
    ['with control characters in the name', 'control characters', { nameId: 'alice\u0001@example.com'.replace('\u0001', '\u0085') }],
    ['that says no', 'AuthnFailed', { status: 'AuthnFailed', signs: 'nothing' }],
  ];
  it.each(misdirected)('%s is refused', async (_, why, saying) => {
    expectRefused(await bring(box, answer(saying)), why);
    expect(await whoIs(browser)).toBeNull();
  });

  it('is taken from clocks that are a minute off', async () => {
    expect((await bring(box, answer({ notBefore: at(59_000), notOnOrAfter: at(300_000) }))).status).toBe(303);
    asked = await begin(browser);
    expect((await bring(box, answer({ notOnOrAfter: at(-59_000), confirmedUntil: at(-59_000) }))).status).toBe(303);
  });

  it('is refused when it is sent a second time', async () => {
    const said = answer();
    expect((await bring(box, said)).status).toBe(303);
    expectRefused(await bring(box, said), 'does not belong');
  });

  it('is refused when its assertion was used for another request', async () => {
    const once = answer({ assertionId: '_a-same' });
    expect((await bring(box, once)).status).toBe(303);
    asked = await begin(browser);
    expectRefused(await bring(box, answer({ assertionId: '_a-same' })), 'used already');
  });

  it('is taken once when it is sent many times at once', async () => {
    const said = answer();
    const got = await Promise.all(Array.from({ length: 5 }, () => bring(box, said)));
    expect(got.filter(({ status }) => status === 303)).toHaveLength(1);
  });

  it('is refused when it comes too late', async () => {
    const late = await createIdpBox();
    await using other = late.box;
    const visitor = other.browser();
    const request = await begin(visitor);
    other.clock.advance(10 * 60_000 + 1);
    expectRefused(await bring(other, late.idp.answer(request, { now: other.clock.now() })), 'does not belong');
  });

  it('is refused at another provider’s address', async () => {
    expectRefused(await bring(box, answer(), 'other'), 'Destination');
    const elsewhereToo = { destination: asked.consumerUrl.replace('acme', 'other'), recipient: asked.consumerUrl.replace('acme', 'other') };
    expectRefused(await bring(box, answer(elsewhereToo), 'other'), 'does not belong');
  });

  it('is refused when it is too large, before it is read', async () => {
    const got = await bring(box, Buffer.alloc(300_000, 'a').toString('base64'));
    expectRefused(got, 'too large');
    expect((await bring(box, 'x'.repeat(1_100_000))).status).toBe(413);
  });

  it.each(['', '%%%', 'PHg+', 'not base64!'])('that is rubbish is refused: %j', async (rubbish) => {
    expect((await bring(box, rubbish)).status).toBe(403);
  });

  it('lets in only the browser that began', async () => {
    const attacker = box.browser();
    const mine = await begin(attacker);
    const { location } = await bring(box, idp.answer(mine, { now: box.clock.now(), nameId: 'mallory@example.com' }));
    // Login CSRF: the victim, who has begun themselves, is sent to the end of the attacker's sign-in.
    expect((await browser.get(location ?? '')).status).toBe(403);
    expect(await whoIs(browser)).toBeNull();
    expect((await attacker.get(location ?? '')).status).toBe(401);
    expect((await box.browser().get(location ?? '')).status).toBe(401);
  });

  it('lets in once: its ticket is used up, and expires', async () => {
    const { location } = await bring(box, answer());
    expect((await browser.get(location ?? '')).status).toBe(303);
    expect((await browser.get(location ?? '')).status).toBe(401);
    const late = await createIdpBox();
    await using other = late.box;
    const visitor = other.browser();
    const ticket = (await bring(other, late.idp.answer(await begin(visitor), { now: other.clock.now() }))).location;
    other.clock.advance(60_001);
    expect((await visitor.get(ticket ?? '')).status).toBe(401);
  });

  it('leads to a path of this box only, whatever RelayState and return_to say', async () => {
    for (const path of ['https://evil.example/', '//evil.example', '/\\evil.example', '/%09/evil.example']) {
      const visitor = box.browser();
      const request = await begin(visitor, 'acme', `?return_to=${encodeURIComponent(decodeURIComponent(path))}`);
      const { location } = await bring(box, idp.answer(request, { now: box.clock.now() }), 'acme', path);
      expect(location).toMatch(/^\/auth\/saml\/finish\//);
      expect((await visitor.get(location ?? '')).location).toBe('/');
    }
    const visitor = box.browser();
    const { location } = await bring(box, idp.answer(await begin(visitor, 'acme', '?return_to=/devices/new'), { now: box.clock.now() }));
    expect((await visitor.get(location ?? '')).location).toBe('/devices/new');
  });

  it('lets nobody in who is disabled', async () => {
    await signInThrough(box, idp, { nameId: 'gone@example.com' });
    const id = box.app.db.writer.prepare(`SELECT id FROM users WHERE email = 'gone@example.com'`).pluck().get();
    await (await box.signedIn()).post(`/admin/users/${id}/disable`);
    const got = await signInThrough(box, idp, { nameId: 'gone@example.com' });
    expect(got.status).toBe(401);
    expect(await whoIs(got.browser)).toBeNull();
  });

  it('says nothing that a page would run', async () => {
    const evil = '<script>alert(1)</script>';
    const refused = await bring(box, answer({ attributes: { groups: [evil] }, nameId: evil, format: FORMATS.persistent }));
    const page = refused.status === 303 ? (await browser.get(refused.location ?? '')).text : refused.text;
    expect(page).not.toContain(evil);
    const status = await bring(
      box,
      idp.answer(await begin(browser), { now: box.clock.now(), signs: 'nothing', status: 'x&quot;&lt;script&gt;alert(1)&lt;/script&gt;' }),
    );
    expect([status.status, status.text.includes('<script>alert')]).toEqual([403, false]);
  });
});

async function createIdpBox(changes: Readonly<Record<string, string>> = {}, options: Parameters<typeof boxWith>[2] = {}) {
  const idp = await createIdp('https://idp.example');
  return { idp, box: await boxWith(idp, changes, options) };
}

describe('a provider whose answers', () => {
  it('must be signed as a whole is not believed with the assertion alone signed', async () => {
    const { idp, box } = await createIdpBox({ requireSignedResponse: 'on' });
    await using _ = box;
    const refused = await signInThrough(box, idp, { signs: 'assertion' });
    expect([refused.status, refused.text.includes('the response is not signed')]).toEqual([403, true]);
    expect((await signInThrough(box, idp, { signs: 'response' })).status).toBe(403);
    expect((await signInThrough(box, idp, { signs: 'both' })).location).toBe('/');
  });

  it('need no signed assertion still need one signature', async () => {
    const { idp, box } = await createIdpBox({ requireSignedAssertion: '' });
    await using _ = box;
    expect((await signInThrough(box, idp, { signs: 'nothing' })).status).toBe(403);
    expect((await signInThrough(box, idp, { signs: 'response' })).location).toBe('/');
    expect((await signInThrough(box, idp, { signs: 'response', after: (xml) => xml.replaceAll('alice@', 'root@') })).status).toBe(403);
    expect((await signInThrough(box, idp, { signs: 'assertion' })).location).toBe('/');
  });

  it('were seen before are refused also after a restart', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'wiregui-saml-'));
    const { idp, box } = await createIdpBox({}, { dataDirectory });
    const visitor = box.browser();
    const waiting = await begin(visitor);
    const asked = await begin(box.browser());
    const said = idp.answer(asked, { now: box.clock.now() });
    expect((await bring(box, said)).status).toBe(303);
    await box.app.stop();
    await using again = await restart(dataDirectory);
    expect((await bring(again, said)).status).toBe(403);
    // What was begun before goes on.
    expect((await bring(again, idp.answer(waiting, { now: again.clock.now() }))).status).toBe(303);
  });
});

async function restart(dataDirectory: string): Promise<TestApp> {
  const { createTestApp } = await import('../../support/app.ts');
  return createTestApp({ dataDirectory });
}
