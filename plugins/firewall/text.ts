import type { Breach } from './assertions.ts';
import type { Decider } from './compile.ts';
import type { Assertion, Named, Rule } from './store.ts';

const protocols = { any: 'Any', tcp: 'TCP', udp: 'UDP', icmp: 'ICMP' };

export const text = {
  title: 'Firewall',
  summary: 'Decides what devices may reach.',
  whenOff: 'All rules go, and devices reach everything.',
  nav: 'Firewall',
  lead: 'The first rule that matches decides: a user’s own rules first, then those for everyone, from the top. What none decides meets the default policy.',
  policy: { accept: 'What no rule decides is accepted.', drop: 'What no rule decides is dropped.' },
  changePolicy: 'Change',
  create: 'Add a rule',
  rule: 'Rule',
  everyone: 'Everyone',
  anywhere: 'Anywhere',
  allRules: 'All rules',
  forEveryone: 'For everyone',
  rulesOf: (email: string) => `Rules of ${email}`,
  rules: 'rules',
  empty: 'No rules yet',
  emptyAccept: 'Devices reach everything behind this box. Add a rule to forbid something, or set the default policy to drop and allow what is needed.',
  emptyDrop: 'Devices reach nothing behind this box. Add a rule to allow something.',
  emptyFiltered: 'No rule matches',
  order: 'Order',
  action: 'Action',
  destination: 'Destination',
  service: 'Service',
  comment: 'Comment',
  for: 'For',
  priority: 'Priority',
  status: 'Status',
  actions: { accept: 'Accept', drop: 'Drop' },
  protocols,
  form: {
    action: 'Action',
    user: 'User',
    userHelp: 'The email address of the user it is for; empty for everyone.',
    destination: 'Destination',
    destinationHelp: 'An address or network such as 10.0.0.5 or fd00::/64; empty for anywhere.',
    protocol: 'Protocol',
    portRange: 'Ports',
    portRangeHelp: 'For TCP and UDP: 443, or 1000-2000; empty for every port.',
    priority: 'Priority',
    priorityHelp: 'Lower numbers are asked first.',
    enabled: 'Enabled',
    comment: 'Comment',
  },
  edit: 'Edit the rule',
  moveUp: (rule: string) => `Move up: ${rule}`,
  moveDown: (rule: string) => `Move down: ${rule}`,
  drag: 'Drag to another place',
  enable: 'Enable',
  disable: 'Disable',
  created: 'The rule is in force.',
  saved: 'The rule was saved.',
  deleted: 'The rule was deleted.',
  moved: 'The rule was moved.',
  deleteAsk: (rule: string) => `The rule “${rule}” will be deleted. Packets it decided over meet the rules after it.`,
  unknownRule: 'There is no such rule. It may have been deleted.',
  unknownUser: 'there is no such user',
  unknownDevice: 'there is no such device',
  noUserWith: (email: string) => `there is no user with the email address ${email}`,
  changeOf: (rule: string) => `The change of the rule “${rule}”`,
  changeOfMany: (count: number) => `The change of ${count} rules`,
  changeOfPolicy: 'The change of the default policy',
  override: 'Change it all the same',
  overrideLead: 'This change would break what you have written down:',
  userRules: 'Firewall rules',
  userRulesLead: 'What this user may reach, before the rules for everyone are asked.',
  userRulesEmpty: 'None of their own: the rules for everyone decide.',
  allOfUser: 'All of them',
  block: 'Block a port',
  blockPort: 'Port',
  blockHelp: 'A port such as 25, or 1000-2000; to anywhere.',
  blockDo: 'Block',
  ruleCount: (count: number) => (count === 1 ? '1 rule' : `${count} rules`),
  restored: 'The rule is back.',
  nothingToUndo: 'There is nothing left to undo.',
  delete: 'Delete',
  manyAsk: {
    enable: (count: number) => `Enable ${count === 1 ? '1 rule' : `${count} rules`}?`,
    disable: (count: number) => `Disable ${count === 1 ? '1 rule' : `${count} rules`}? Packets they decided over meet the rules after them.`,
    delete: (count: number) => `Delete ${count === 1 ? '1 rule' : `${count} rules`}? Packets they decided over meet the rules after them.`,
  },
  manyDone: {
    enable: (count: number) => `${count === 1 ? '1 rule is' : `${count} rules are`} enabled.`,
    disable: (count: number) => `${count === 1 ? '1 rule is' : `${count} rules are`} disabled.`,
    delete: (count: number) => `${count === 1 ? '1 rule is' : `${count} rules are`} deleted.`,
  },
  state: 'Status',
  enabledOnly: { enabled: 'Enabled', disabled: 'Disabled' },
  unfiltered: 'Show all rules',
  notAPeer: (device: string, why: string) => `${device} is not connected now (${why.replaceAll('-', ' ')}), so nothing comes from it at all.`,
  settings: {
    title: 'Firewall',
    lead: 'What happens to packets from devices that no rule decides.',
    fields: {
      defaultPolicy: { label: 'Default policy', help: 'Drop lets devices reach nothing that is not allowed by a rule.' },
    },
    choices: { defaultPolicy: { accept: 'Accept', drop: 'Drop' } },
  },
  simulator: {
    title: 'Simulator',
    lead: 'May somebody reach something, and who decides?',
    ask: 'Ask',
    userHelp: 'An email address; empty for whoever has no rules of their own.',
    destination: 'Address',
    destinationHelp: 'One address, such as 10.0.0.5.',
    port: 'Port',
    accept: 'Accepted',
    drop: 'Dropped',
    by: { rule: 'by the rule', 'default-policy': 'by the default policy', 'peer-to-peer': 'because devices do not reach each other (Settings, Network)' },
    others: 'The other rules',
    noOthers: 'There are no other rules.',
    why: {
      disabled: 'is disabled',
      destination: 'has another destination',
      protocol: 'has another protocol',
      ports: 'has other ports',
      later: 'comes after the one that decides',
      'peer-to-peer': 'is not asked: devices do not reach each other',
    },
  },
  assertions: {
    title: 'Assertions',
    lead: 'Write down what must stay so. A change of rules that would break it is refused.',
    create: 'Add an assertion',
    empty: 'Nothing is written down yet',
    emptyLead: 'For example: alice@example.com must reach 10.0.0.5, TCP port 443. Or: everyone must not reach 10.0.0.0/8.',
    holds: 'Holds',
    broken: 'Broken',
    by: 'by',
    who: 'Who',
    what: 'Must hold',
    state: 'State',
    expectation: 'Expectation',
    expectations: { reach: 'must reach', 'not-reach': 'must not reach' },
    userHelp: 'An email address; empty for everyone.',
    destinationHelp: 'An address or network: all of it must be reached, or none of it.',
    created: 'The assertion is kept.',
    deleted: 'The assertion was deleted.',
    deleteAsk: (assertion: string) => `The assertion “${assertion}” will be deleted. The rules stay as they are.`,
    unknown: 'There is no such assertion. It may have been deleted.',
  },
  validation: {
    action: 'must be accept or drop',
    protocol: 'must be any, tcp, udp or icmp',
    packetProtocol: 'must be tcp, udp or icmp',
    expectation: 'must be reach or not-reach',
    ports: 'must be a port such as 443 or a range such as 1000-2000, from 1 to 65535',
    portsNeedProtocol: 'ports need the protocol tcp or udp',
    portMissing: 'name a port, 1 to 65535',
    otherScope: 'is not a rule of the same user',
  },
};

/** `Drop TCP 25 to 10.0.0.0/8` */
export function describeRule({ action, destination, protocol, portRange }: Rule): string {
  return `${text.actions[action]} ${describeService(protocol, portRange)} to ${shortNetwork(destination) ?? text.anywhere.toLowerCase()}`;
}

/** `TCP 25`, `ICMP`, `any` */
export function describeService(protocol: Rule['protocol'], portRange: string | null): string {
  return `${protocol === 'any' ? 'any' : protocols[protocol]}${portRange === null ? '' : ` ${portRange}`}`;
}

/** An address without the prefix length that says that it is one. */
export function shortNetwork(network: string | null): string | null {
  return network === null ? null : network.replace(/^([\d.]+)\/32$|^(.*:.*)\/128$/, '$1$2');
}

/** `alice@example.com must reach 10.0.0.5, TCP 443` */
export function describeAssertion({ expectation, destination, protocol, portRange, userEmail }: Named<Assertion>): string {
  return `${userEmail ?? text.everyone} ${text.assertions.expectations[expectation]} ${shortNetwork(destination)}, ${describeService(protocol, portRange)}`;
}

/** `the rule “Drop any to anywhere”` */
export function describeDecider(by: Decider): string {
  if (by.kind === 'rule') return `the rule “${describeRule(by.rule)}”${by.rule.comment === '' ? '' : ` (${by.rule.comment})`}`;
  return by.kind === 'default-policy' ? 'the default policy' : 'the setting that devices do not reach each other';
}

/** `alice@example.com must reach 10.0.0.5, TCP 443: broken by the default policy.` */
export function describeBreach({ assertion, by }: Breach): string {
  return `${describeAssertion(assertion)}: broken by ${describeDecider(by)}.`;
}
