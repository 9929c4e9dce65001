// Key pairs are made here: the server sees the public key alone, and leaving the page forgets the private one.
import { x25519 } from '@noble/curves/ed25519.js';
import { toString as drawQr } from 'qrcode';

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));

function makeKeyPair() {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  secret[0] &= 248;
  secret[31] = (secret[31] & 127) | 64;
  return { privateKey: toBase64(secret), publicKey: toBase64(x25519.getPublicKey(secret)) };
}

document.addEventListener('submit', async (event) => {
  const form = event.target.closest('[data-device-keys]');
  // Somebody who brings a public key has the private one.
  if (!form || form.elements.publicKey?.value.trim()) return;
  event.preventDefault();
  const keys = makeKeyPair();
  const body = new URLSearchParams(new FormData(form));
  body.set('publicKey', keys.publicKey);
  body.set('browserKey', '1');
  const button = form.querySelector('[type=submit]');
  button.disabled = true;
  try {
    const response = await fetch(form.action, { method: 'POST', body });
    if (response.redirected) return location.assign(response.url);
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    document.querySelector('#main').replaceWith(page.querySelector('#main'));
    document.title = page.title;
    await fillIn(document.querySelector('[data-issued]'), keys.privateKey);
    document.dispatchEvent(new CustomEvent('wiregui:replaced'));
    document.querySelector('#main').querySelector('[aria-invalid], h1')?.focus();
    scrollTo(0, 0);
  } finally {
    button.disabled = false;
  }
});

/** Puts the private key where the server left its place, and draws the code that phones scan. */
async function fillIn(issued, privateKey) {
  if (!issued) {
    for (const input of document.querySelectorAll('[data-device-keys] [name=publicKey]')) input.value = '';
    return;
  }
  const config = issued.querySelector('#config');
  config.textContent = config.textContent.replace(issued.dataset.keySlot, privateKey);
  issued.querySelector('[name=config]').value = config.textContent;
  const qr = issued.querySelector('[data-qr]');
  qr.innerHTML = await drawQr(config.textContent, { type: 'svg', errorCorrectionLevel: 'L', margin: 2 });
  qr.hidden = false;
}

document.addEventListener('submit', (event) => {
  const form = event.target.closest('[data-download]');
  if (!form) return;
  event.preventDefault();
  const issued = form.closest('[data-issued]');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([issued.querySelector('#config').textContent], { type: 'application/octet-stream' }));
  link.download = issued.dataset.fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
