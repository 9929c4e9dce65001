import { InvalidInput } from '../errors.ts';
import type { Command, Operate } from '../plugin/contract.ts';

interface Resource {
  /** `user`: the command's name. */
  readonly noun: string;
  readonly summary: string;
  /** Verb → the operation behind it; a verb whose operation takes an id takes it as its first argument. */
  readonly verbs: Readonly<Record<string, string>>;
  /** How to find one by what people call it, instead of its id. */
  readonly named?: { readonly list: string; readonly by: string };
  /** What a line of a list shows. */
  readonly columns: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;

/** `wiregui user create email=alice@example.com`: the operations of the API as a command. */
export function resourceCommand({ noun, summary, verbs, named, columns }: Resource): Command {
  return {
    usage: `${noun} <verb> [arguments...]`,
    summary: `${summary}: ${Object.keys(verbs).join(', ')}; fields as name=value`,
    async run(operate, [verb = '', ...rest]) {
      const id = verbs[verb];
      if (id === undefined) throw new InvalidInput({ verb: [`there is no ${JSON.stringify(verb)}; there are: ${Object.keys(verbs).join(', ')}`] });
      const takesId = operate.takesId(id);
      const [subject, ...fields] = takesId ? rest : ['', ...rest];
      if (subject === undefined) throw new InvalidInput({ id: [`say which ${noun}`] });
      const params = takesId ? { id: await resolve(operate, named, subject) } : {};
      const answer = await operate(id, { params, fields });
      return { answer, lines: linesOf(answer, columns), exitCode: 0 };
    },
  };
}

async function resolve(operate: Operate, named: Resource['named'], subject: string): Promise<string> {
  if (named === undefined || /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(subject)) return subject;
  const found = ((await operate(named.list, { fields: [`q=${subject}`, 'limit=500'] })) as readonly Row[]).filter((row) => row[named.by] === subject);
  if (found.length !== 1)
    throw new InvalidInput({
      [named.by]: [found.length === 0 ? `there is no ${JSON.stringify(subject)}` : `${found.length} are called ${JSON.stringify(subject)}: give the id`],
    });
  return String(found[0]?.['id']);
}

function linesOf(answer: unknown, columns: readonly string[]): readonly string[] {
  if (answer === undefined) return ['Done.'];
  if (typeof answer === 'string') return [answer.trimEnd()];
  if (Array.isArray(answer)) return answer.length === 0 ? ['There are none.'] : table(answer as readonly Row[], columns);
  return Object.entries(answer as Row).flatMap(([name, value]) => (name === 'configuration' ? ['', String(value)] : [`${name}  ${shown(value)}`]));
}

function table(rows: readonly Row[], columns: readonly string[]): readonly string[] {
  const cells = [columns, ...rows.map((row) => columns.map((column) => shown(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  return cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? value.join(', ') || '-' : String(value);
}
