export const text = {
  title: 'Metrics',
  summary: 'Figures for Prometheus at /metrics.',
  settings: {
    title: 'Metrics',
    lead: 'Figures in Prometheus’s text format at /metrics. Nobody gets them until a network is named or a token is made.',
    fields: {
      allowedNetworks: { label: 'Networks that get them without a token', help: 'Addresses or networks, separated by commas: 192.0.2.10, 10.0.0.0/8.' },
      eachDevice: { label: 'Each device by itself', help: 'Traffic and handshake of up to 1,000 devices, with their names and owners.' },
    },
  },
  off: 'Metrics are off: no network is named, and there is no token.',
  unauthorized: 'Send the token as Authorization: Bearer.',
  token: {
    title: 'Token',
    lead: 'The monitoring sends it as Authorization: Bearer.',
    none: 'There is none.',
    since: 'Made',
    make: 'Make a token',
    makeAgain: 'Make a new token',
    makeHelp: 'The old one stops working.',
    shown: 'Copy the token now. It is not shown again.',
    shownTitle: 'Token for metrics',
    remove: 'Remove the token',
    removeAsk: 'Remove the token for metrics? Whatever uses it gets no figures any more.',
    removed: 'The token is removed.',
    example: 'In prometheus.yml',
  },
};
