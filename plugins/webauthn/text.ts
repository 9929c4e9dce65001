export const text = {
  title: 'Security keys and passkeys',
  label: 'Security key or passkey',
  passkey: 'Passkey',
  summary: 'Keys that sign: as a second factor, or to sign in without a password (WebAuthn).',
  whenOff: 'Nobody signs in with a passkey, and whoever has only this second factor signs in without one while it is off.',
  product: 'WireGUI',
  impossible: {
    insecure: (origin: string) =>
      `Browsers use keys only with https, and this box is known as ${origin}. An administrator gives it an https address (WG_EXTERNAL_URL).`,
    address: (origin: string) =>
      `Keys are bound to a name, and this box is known by an address, ${origin}. An administrator gives it an https address with a host name (WG_EXTERNAL_URL).`,
  },
  withoutScript: 'Keys need JavaScript. Switch it on in your browser, and load this page again.',
  unsupported: 'This browser has no support for keys, or not at this address.',
  refused: 'This key was not accepted.',
  expired: 'That took too long. Please try again.',
  cloned: (name: string, email: string) =>
    `The security key “${name}” of ${email} was refused: it has signed fewer times than it had before, so a copy of it may exist. Remove it unless you know why.`,
  problems: {
    NotAllowedError: 'The browser stopped: it was cancelled, took too long, or there is no such key here. Try again when you are ready.',
    InvalidStateError: 'This key is added already.',
    SecurityError: (origin: string) => `Keys work only at ${origin}. Open the page there.`,
    other: 'The key could not be used. Try again, or use another one.',
  },
  enrol: {
    title: 'Add a security key or passkey',
    lead: 'A key on USB or NFC, or what your phone, computer or password manager keeps for you. It confirms your sign-ins, and many also sign you in without a password.',
    name: 'Name',
    nameHelp: 'To tell it apart from others: “Blue key”, “Phone”.',
    firstName: 'Passkey',
    submit: 'Add',
    added: (name: string) => `${name} is added.`,
    taken: 'This key is added already.',
    tooMany: (most: number) => `There are ${most} keys already. Remove one first.`,
    back: 'Back',
  },
  challenge: {
    title: 'Security key or passkey',
    lead: 'Your browser asks for your key now.',
    submit: 'Use my key',
    others: 'Another way',
    otherWays: 'Use another second factor or a recovery code, or ask an administrator to reset your second factors.',
  },
  signIn: {
    title: 'Sign in with a passkey',
    lead: 'Your browser asks for your passkey now. No email or password is needed.',
    submit: 'Use my passkey',
    others: 'Another way',
  },
};
