// The list of what is in an image (CycloneDX 1.6): Debian's packages, and npm's that the bundle was made from.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REMOVED, SUITE } from './packages.mjs';

export function makeSbom({ slot, source, version, flavour, target, time }) {
  const components = [...debianComponents(join(slot, 'dpkg-status')), ...npmComponents(join(source, 'package-lock.json'))];
  const digest = createHash('sha256').update(JSON.stringify(components)).digest('hex');
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5')}`,
    version: 1,
    metadata: {
      timestamp: new Date(Number(time) * 1_000).toISOString(),
      component: { type: 'operating-system', name: 'wiregui', version, description: `WireGUI appliance, ${flavour}` },
    },
    components,
  };
  writeFileSync(target, `${JSON.stringify(document, null, 1)}\n`);
  return target;
}

function debianComponents(file) {
  return readFileSync(file, 'utf8')
    .split('\n\n')
    .map((paragraph) => Object.fromEntries([...paragraph.matchAll(/^([A-Za-z-]+): (.*)$/gm)].map(([, name, value]) => [name, value])))
    .filter(({ Package, Status }) => Package !== undefined && Status === 'install ok installed' && !REMOVED.includes(Package))
    .map(({ Package, Version, Architecture, Maintainer, Source }) => ({
      type: 'library',
      'bom-ref': `deb/${Package}/${Architecture}`,
      name: Package,
      version: Version,
      supplier: { name: Maintainer },
      purl: `pkg:deb/debian/${encodeURIComponent(Package)}@${encodeURIComponent(Version)}?arch=${Architecture}&distro=${SUITE}`,
      ...(Source === undefined ? {} : { properties: [{ name: 'debian:source', value: Source }] }),
    }))
    .sort((one, other) => (one['bom-ref'] < other['bom-ref'] ? -1 : 1));
}

/** What is installed for running, not for developing; the assets of pages come from packages as well. */
function npmComponents(file) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'));
  return Object.entries(packages)
    .filter(
      ([path, { dev, os, cpu }]) => path !== '' && !dev && (os === undefined || os.includes('linux')) && (cpu === undefined || cpu.includes(process.arch)),
    )
    .map(([path, { version, license, integrity }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const [algorithm, digest] = (integrity ?? '').split('-', 2);
      return {
        type: 'library',
        'bom-ref': `npm/${path}`,
        name,
        version,
        ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
        ...(algorithm === 'sha512' ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] } : {}),
        purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
      };
    });
}
