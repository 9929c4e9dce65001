type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number, suffix?: string];

/** One metric with its values. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Prometheus's text format 0.0.4. A family without values is left out. */
export function expose(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...samples.map(lineOf(name))].join('\n'))
    .join('\n')
    .concat('\n');
}

const lineOf =
  (name: string) =>
  ([labels, value, suffix = '']: Sample): string => {
    const shown = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    return `${name}${suffix}${shown.length > 0 ? `{${shown.join(',')}}` : ''} ${value}`;
  };

function escapeHelp(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replace(/"/g, '\\"');
}

/** How many observations were at most so long, and how long all were together. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    for (const [index, bound] of this.#bounds.entries()) if (value <= bound) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  samples(labels: Labels): readonly Sample[] {
    const buckets = this.#bounds.map((bound, index): Sample => [{ ...labels, le: String(bound) }, this.#counts[index] ?? 0, '_bucket']);
    return [...buckets, [{ ...labels, le: '+Inf' }, this.#count, '_bucket'], [labels, this.#sum, '_sum'], [labels, this.#count, '_count']];
  }
}
