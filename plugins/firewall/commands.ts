import { type Command, InvalidInput, resourceCommand } from '#core';
import { text } from './text.ts';

interface Answer {
  readonly verdict: 'accept' | 'drop';
  readonly explanation: string;
  readonly others: readonly { readonly explanation: string }[];
}

/** `wiregui can alice@example.com 10.0.0.5 tcp/443`: exit code 0 when accepted, 2 when dropped. */
export const can: Command = {
  usage: 'can <user> <address> <service>',
  summary: 'say whether a user reaches an address and service (tcp/443, udp/53, icmp), and which rule decides',
  async run(operate, [email = '', destination = '', service = '']) {
    const users = (await operate('list-users', { query: { q: email, limit: '500' } })) as readonly { readonly id: string; readonly email: string }[];
    const user = users.find((candidate) => candidate.email === email.toLowerCase());
    if (!user) throw new InvalidInput({ user: [text.noUserWith(email)] });
    const [protocol = '', port] = service.split('/');
    const body = { userId: user.id, destination, protocol, port: port === undefined ? null : Number(port) };
    const answer = (await operate('simulate', { body })) as Answer;
    return { answer, lines: [`${text.simulator[answer.verdict]} by ${answer.explanation}`], exitCode: answer.verdict === 'accept' ? 0 : 2 };
  },
};

export const ruleCommand = resourceCommand({
  noun: 'rule',
  summary: 'firewall rules',
  verbs: { list: 'list-rules', create: 'create-rule', show: 'get-rule', update: 'update-rule', move: 'move-rule', delete: 'delete-rule' },
  columns: ['id', 'priority', 'action', 'destination', 'protocol', 'portRange', 'userEmail', 'enabled', 'comment'],
});
