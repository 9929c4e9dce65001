import { describe, expect, it } from 'vitest';
import { readConfig } from '../../core/config.ts';

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({
      port: 13_000,
      externalUrl: 'http://localhost:13000',
      interfaceName: 'wg-wiregui',
      endpointPort: 51_820,
      ipv4Network: '10.3.2.0/24',
      ipv6Network: 'fd00::3:2:0/120',
      dataPlane: 'auto',
    });
  });

  it('takes an empty variable for an absent one', () => {
    expect(readConfig({ WG_PORT: '', WG_ADMIN_EMAIL: '' })).toMatchObject({ port: 13_000, adminEmail: undefined });
  });

  it.each([
    ['WG_PORT', '70000'],
    ['WG_PORT', 'http'],
    ['WG_WG_INTERFACE', 'eth0; reboot'],
    ['WG_WG_INTERFACE', 'a-name-of-more-than-15'],
    ['WG_WG_IPV4_NETWORK', '10.3.2.0/33'],
    ['WG_WG_IPV4_NETWORK', 'fd00::/64'],
    ['WG_WG_IPV6_NETWORK', '10.3.2.0/24'],
    ['WG_EXTERNAL_URL', 'javascript:alert(1)'],
    ['WG_TRUSTED_PROXIES', '10.0.0.1, proxy'],
    ['WG_WG_ENABLED', 'maybe'],
    ['WG_NO_SUCH_THING', '1'],
  ])('refuses %s=%s, naming variable and value', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(name);
    if (name !== 'WG_NO_SUCH_THING') expect(() => readConfig({ [name]: value })).toThrow(JSON.stringify(value));
  });

  it('names a wrong secret without showing it', () => {
    expect(() => readConfig({ WG_ADMIN_PASSWORD: 'tooshort' })).toThrow(/WG_ADMIN_PASSWORD: its value is not allowed; give 12 to 256 characters/);
    expect(() => readConfig({ WG_SECRET_KEY: 'c2hvcnQ=' })).toThrow(/^WG_SECRET_KEY: its value is not allowed/);
  });
});
