export const text = {
  title: 'Firezone 0.7 API',
  summary: 'Firezone 0.7’s API at /v0, for programs written for it. Tokens are those of the account page.',
  required: "can't be blank",
  mustNotBePresent: 'must not be present',
  notChosenHere: 'cannot be chosen here: leave it out',
  setElsewhere: 'is set on the pages or through /api/v0',
  doesNotMatch: 'does not match confirmation',
  bothOrNeither: 'port_type and port_range go together: give both or neither',
  badPortType: 'must be tcp or udp',
  noWrapper: (name: string) => `send an object with the key ${name}`,
};
