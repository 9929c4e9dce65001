export const text = {
  title: 'Sign-in links',
  summary: 'Lets people sign in with a link that is mailed to them, without a password. Needs Email.',
  whenOff: 'Links that are on their way stop working.',
  label: 'Email me a link',
  ask: {
    title: 'Sign in by email',
    lead: 'You get a link that signs you in, once, within 15 minutes.',
    email: 'Email',
    submit: 'Email me a link',
    otherWay: 'Sign in another way',
  },
  sent: {
    title: 'Look into your mailbox',
    lead: (email: string) => `If ${email} has an account here, a link is on its way. It works once, within 15 minutes. Of several links the newest one works.`,
    again: 'Ask for another',
  },
  open: {
    title: 'Sign in',
    lead: 'This link signs you in as',
    submit: 'Sign in',
    notYou: 'Is this not you? Then close this page.',
  },
  gone: {
    title: 'This link does not work any more',
    lead: 'It was used, is older than 15 minutes, or you have asked for a newer one since.',
    again: 'Ask for a new link',
  },
  mail: {
    subject: 'Your link to sign in',
    text: (link: string, email: string, ip: string) =>
      `Somebody at ${ip} has asked to sign in as ${email}. If it was you, open this link:\n\n${link}\n\nIt works once, within 15 minutes. If it was not you, there is nothing to do: without this mail nobody gets in.\n`,
  },
};
