import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../../support/app.ts';
import { createIdp, FORMATS, type Idp, readRequest } from '../../support/saml-idp.ts';
import { until } from '../../support/wait.ts';
import { begin, boxWith, bring, PROVIDER, signInThrough, whoIs } from './box.ts';

const sql = <T>(box: TestApp, text: string) => box.app.db.writer.prepare(text).raw().all() as T[];

describe('signing in through SAML', () => {
  let box: TestApp;
  let idp: Idp;
  beforeAll(async () => {
    idp = await createIdp('https://idp.example');
    box = await boxWith(idp);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  /** Changes the provider; what is not named is as the form proposes it. */
  async function configure(changes: Readonly<Record<string, string>>): Promise<void> {
    const admin = await box.signedIn();
    const form = { label: 'Acme', signRequests: 'on', requireSignedAssertion: 'on', emailIsVerified: 'on', autoCreateUsers: 'on', enabled: 'on', ...changes };
    const given = Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ''));
    expect((await admin.post(`${PROVIDER}/acme`, given)).status).toBe(303);
  }

  it('makes an account for somebody new, who has no rights beyond their own, and finds it again', async () => {
    const first = await signInThrough(box, idp);
    expect([first.status, first.location]).toEqual([303, '/']);
    expect(await whoIs(first.browser)).toBe('alice@example.com');
    expect((await first.browser.get('/admin')).status).toBe(403);
    await signInThrough(box, idp);
    expect(sql(box, `SELECT provider, issuer, subject FROM identities`)).toEqual([['saml:acme', 'https://idp.example', 'emailAddress:alice@example.com']]);
    expect(sql(box, `SELECT last_signed_in_method FROM users WHERE email = 'alice@example.com'`)).toEqual([['saml:acme']]);
    expect(sql(box, `SELECT count(*) FROM audit_log WHERE action = 'user.signed-in' AND changes LIKE '%saml:acme%'`)).toEqual([[2]]);
  });

  it('keeps names apart that differ in format, qualifier, case or blanks', async () => {
    await configure({ emailAttribute: 'mail' });
    const people = [
      { nameId: 'bob', format: FORMATS.persistent },
      { nameId: 'bob', format: FORMATS.email },
      { nameId: 'Bob', format: FORMATS.persistent },
      { nameId: 'bob ', format: FORMATS.persistent },
      { nameId: '..', format: FORMATS.persistent },
      { nameId: 'bob', format: FORMATS.persistent, nameIdAttributes: ' NameQualifier="https://other.example"' },
      { nameId: 'persistent:bob', format: FORMATS.persistent },
    ];
    const seen = new Set<string | null>();
    for (const [index, person] of people.entries())
      seen.add(await whoIs((await signInThrough(box, idp, { ...person, attributes: { mail: [`bob${index}@example.com`] } })).browser));
    expect(seen.size).toBe(people.length);
    // The usual qualifiers say nothing new.
    const usual = { nameIdAttributes: ' NameQualifier="https://idp.example" SPNameQualifier="http://localhost:13000/auth/saml/sp/metadata/acme"' };
    const again = await signInThrough(box, idp, { nameId: 'bob', format: FORMATS.persistent, ...usual });
    expect(await whoIs(again.browser)).toBe('bob0@example.com');
  });

  it('goes by the attribute that identifies people, also with transient names', async () => {
    await configure({ subjectAttribute: 'uid', emailAttribute: 'mail' });
    const as = (uid: string[], mail: string) =>
      signInThrough(box, idp, { format: FORMATS.transient, nameId: `_${Math.random()}`, attributes: { uid, mail: [mail] } });
    expect(await whoIs((await as(['7'], 'carol@example.com')).browser)).toBe('carol@example.com');
    expect(await whoIs((await as(['7'], 'renamed@example.com')).browser)).toBe('carol@example.com');
    expect((await as([], 'x@example.com')).text).toContain('lacks the attribute uid');
    expect((await as(['7', '8'], 'x@example.com')).text).toContain('several values');
  });

  it('makes administrators of those in the groups, and takes it back at the next sign-in', async () => {
    await configure({ groupsAttribute: 'groups', adminGroups: 'CN=Box admins, OU=IT\nOthers' });
    const dora = (groups: string[]) => signInThrough(box, idp, { nameId: 'dora@example.com', attributes: { groups } });
    const asAdmin = await dora(['staff', 'CN=Box admins, OU=IT']);
    expect((await asAdmin.browser.get('/admin')).status).toBe(200);
    const asUser = await dora(['CN=Box admins', 'OU=IT']);
    expect((await asUser.browser.get('/admin')).status).toBe(403);
    expect((await asAdmin.browser.get('/admin')).location).toContain('/login');
  });

  it('lets in only the email domains that are allowed', async () => {
    await configure({ allowedDomains: 'example.com' });
    for (const nameId of ['eve@evil.example', 'eve@example.com.evil.example', 'eve@notexample.com', 'eve@example.com@evil.example']) {
      const got = await signInThrough(box, idp, { nameId });
      expect([got.status, got.text.includes('are not allowed')], nameId).toEqual([403, true]);
    }
    expect((await signInThrough(box, idp, { nameId: 'erin@example.com' })).location).toBe('/');
  });

  it('makes no account unless it may', async () => {
    await configure({ autoCreateUsers: '' });
    const got = await signInThrough(box, idp, { nameId: 'nobody@example.com' });
    expect([got.status, got.text.includes('There is no account for nobody@example.com')]).toEqual([403, true]);
  });

  it('links an account with the same email if the provider answers for it, and never an administrator’s', async () => {
    const admin = await box.signedIn();
    for (const name of ['frank', 'gina']) await admin.post('/admin/users', { email: `${name}@example.com`, role: 'unprivileged', password: '' });
    await configure({ emailIsVerified: '' });
    expect((await signInThrough(box, idp, { nameId: 'frank@example.com' })).text).toContain('has not verified');
    await configure({});
    expect(await whoIs((await signInThrough(box, idp, { nameId: 'Gina@Example.com' })).browser)).toBe('gina@example.com');
    const refused = await signInThrough(box, idp, { nameId: 'admin@example.com' });
    expect([refused.status, refused.text.includes('connect the provider on your account page')]).toEqual([403, true]);
  });

  it('connects an identity to the account of whoever is signed in, through a form of this box', async () => {
    const admin = await box.signedIn();
    expect((await admin.get('/account')).text).toContain('action="/account/saml/acme/connect"');
    const connect = await admin.post('/account/saml/acme/connect');
    const link = /href="(https:\/\/idp\.example[^"]+)"/.exec(connect.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const brought = await bring(box, idp.answer(readRequest(link), { now: box.clock.now(), nameId: 'root@corp.example' }));
    expect((await admin.get(brought.location ?? '')).location).toBe('/account');
    const page = (await admin.get('/account')).text;
    expect([page.includes('root@corp.example'), page.includes('action="/account/saml/acme/connect"')]).toEqual([true, false]);
    expect(await whoIs((await signInThrough(box, idp, { nameId: 'root@corp.example' })).browser)).toBe('admin@example.com');
    // Another site can make no browser connect anything.
    expect((await admin.post('/account/saml/acme/connect', {}, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await admin.get('/account/saml/acme/connect')).status).toBe(404);
  });

  it('connects nothing for a browser in which somebody else has signed in meanwhile, nor another’s identity', async () => {
    await (await box.signedIn()).post('/admin/users', { email: 'hank@example.com', role: 'unprivileged', password: 'the password of hank' });
    const hank = await box.signedIn({ email: 'hank@example.com', password: 'the password of hank' });
    const connect = async () =>
      readRequest(/href="(https:\/\/idp\.example[^"]+)"/.exec((await hank.post('/account/saml/acme/connect')).text)?.[1]?.replaceAll('&amp;', '&') ?? '');
    const taken = await bring(box, idp.answer(await connect(), { now: box.clock.now(), nameId: 'root@corp.example' }));
    expect((await hank.get(taken.location ?? '')).status).toBe(409);
    const late = await bring(box, idp.answer(await connect(), { now: box.clock.now(), nameId: 'hank@corp.example' }));
    await hank.post('/login', { email: 'admin@example.com', password: 'correct horse battery' });
    expect((await hank.get(late.location ?? '')).status).toBe(401);
    expect(sql(box, `SELECT * FROM identities WHERE subject LIKE '%hank@corp%'`)).toEqual([]);
  });

  it('is over when the provider is switched off or deleted in the middle', async () => {
    const browser = box.browser();
    const said = idp.answer(await begin(browser), { now: box.clock.now() });
    await configure({ enabled: '' });
    expect((await bring(box, said)).status).toBe(404);
    await configure({});
    const { location } = await bring(box, said);
    await configure({ enabled: '' });
    expect((await browser.get(location ?? '')).status).toBe(404);
    expect(await whoIs(browser)).toBeNull();
    await configure({});
  });

  it('forgets requests, answers and assertions when they are of no use any more', async () => {
    await begin(box.browser());
    const rows = () => ['saml_requests', 'saml_answers', 'saml_assertions'].map((table) => sql<number[]>(box, `SELECT count(*) FROM ${table}`)[0]?.[0] ?? 0);
    expect(rows()[0]).toBeGreaterThan(0);
    box.clock.advance(2 * 86_400_000);
    await until('the rows to be gone', () => {
      box.clock.advance(3_600_000);
      return rows().every((count) => count === 0);
    });
  });
});

describe('a provider that asks for a second factor itself', () => {
  it('is believed if it is trusted, where the box asks everybody for one', async () => {
    const idp = await createIdp('https://idp.example');
    await using box = await boxWith(idp, { trustedForSecondFactor: 'on' });
    const { browser } = await signInThrough(box, idp);
    expect(sql<[number | null]>(box, `SELECT second_factor_at FROM sessions WHERE method = 'saml:acme'`)[0]?.[0]).toBe(box.clock.now().getTime());
    expect(await whoIs(browser)).toBe('alice@example.com');
  });
});
